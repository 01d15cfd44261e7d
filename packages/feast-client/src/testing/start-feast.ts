import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { trackChild } from "@tripline/local-stack/processes/track-children";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { testStack } from "@tripline/local-stack/testing/stack";
import { Redis } from "ioredis";
import type { FeatureRegistry } from "../registry/feature-registry.js";
import { readRegistry } from "../registry/read-registry.js";

/** This file is compiled to packages/feast-client/dist/testing. */
const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const ROOT = join(PACKAGE, "../..").replace(/\/$/, "");

/** Importing Feast takes up to ten seconds, and far longer on a machine that is running other tests. */
const START_MS_MAX = 120_000;
const ANSWER_MS_MAX = 60_000;
const ERRORS_CHARACTERS_MAX = 10_000;

/** Timeout of `beforeAll`: it installs the environment if it is missing, and then starts Feast. */
export const FEAST_START_MS_MAX = 11 * 60_000;

/** The real Feast with its HTTP and gRPC servers, on a separate Redis database. */
export interface RunningFeast {
  readonly project: string;
  readonly httpUrl: string;
  readonly grpcAddress: string;
  readonly redisUrl: string;
  readonly pid: number;
  /** Calls a method of the driver, which uses Feast's Python SDK. */
  call(method: string, args?: Record<string, unknown>): Promise<unknown>;
  /** The registry written by `feast apply`, and its file. */
  readonly registryFile: string;
  registry(): Promise<FeatureRegistry>;
  /** A connection to the database; closed with Feast. */
  readonly redis: Redis;
  stop(): Promise<void>;
}

export async function startFeast(options: { isVersioned?: boolean } = {}): Promise<RunningFeast> {
  const requirementsFile = join(ROOT, "training/feature_repo/requirements.txt");
  const { python } = await provisionPython({ name: "feature-repo", requirementsFile, root: ROOT });
  const [{ redisUrl }, [httpPort, grpcPort]] = await Promise.all([testStack(), findFreePorts(2)]);
  const repo = mkdtempSync(join(tmpdir(), "feast-client-"));
  const { hostname, port, pathname } = new URL(redisUrl);
  const project = "client_test";
  const registryFile = join(repo, "data/registry.db");
  const settings = {
    repo,
    project,
    redis: `${hostname}:${port},db=${pathname.slice(1)}`,
    httpPort,
    grpcPort,
    isVersioned: options.isVersioned ?? false,
  };
  const driver = new FeastDriver(
    spawn(python, [join(PACKAGE, "test-python/feast_driver.py"), JSON.stringify(settings)], {
      // biome-ignore lint/style/noProcessEnv: a child process inherits our environment with a few changes
      env: { ...process.env, ...keepBytecode(python) },
    }),
  );
  await driver.answer(START_MS_MAX);
  const redis = new Redis(redisUrl);
  return {
    project,
    httpUrl: `http://127.0.0.1:${httpPort}`,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    redisUrl,
    pid: driver.pid,
    redis,
    call: (method, args = {}) => driver.call(method, args),
    registryFile,
    registry: () => readRegistry(registryFile, { project, keepsVersionsOnline: settings.isVersioned }),
    stop: async () => {
      redis.disconnect();
      await driver.stop();
      rmSync(repo, { recursive: true, force: true });
    },
  };
}

/** The process of test-python/feast_driver.py: one line of JSON in, one line of JSON out. */
class FeastDriver {
  private readonly lines: AsyncIterator<string>;
  private readonly exited: Promise<unknown>;
  private errors = "";

  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    trackChild(child);
    this.exited = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-ERRORS_CHARACTERS_MAX);
    });
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("Python could not be started.");
    return this.child.pid;
  }

  /** Responses arrive in the order of requests, so only one request is pending at a time. */
  async call(method: string, args: Record<string, unknown>): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify({ method, arguments: args })}\n`);
    return this.answer(ANSWER_MS_MAX);
  }

  async answer(msMax: number): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(this.failure(`did not respond within ${msMax / 1_000} s`)), msMax);
    });
    try {
      const line = await Promise.race([this.lines.next(), late]);
      if (line.done) throw this.failure("ended");
      const { result, error } = JSON.parse(line.value) as { result?: unknown; error?: string };
      if (error !== undefined) throw new Error(error);
      return result;
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  private failure(what: string): Error {
    return new Error(`Feast ${what}. The last lines of its output:\n${this.errors}`);
  }
}
