import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { StackPart } from "@tripline/local-stack/servers/start-stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { ControlRefusal } from "@tripline/system/client/control-client";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { Redis } from "ioredis";
import { z } from "zod";
import type { Cause, FaultTools } from "../fault.js";
import { DOWN_MS } from "../fault.js";

const SLOW_MS = 100;
const SLOW_FOR_MS = 20_000;
/** Valkey's normal memory limit, as in plan-redis.ts. */
const MEMORY = "1gb";
const QUERY_MS_MAX = 30_000;
/** HTTP status of a control plane that is temporarily unable to store changes. */
const UNAVAILABLE = 503;

export const stopFor =
  (partsOf: (system: RunningSystem) => readonly StackPart[]): Cause =>
  async ({ system }) => {
    const parts = partsOf(system);
    await Promise.all(parts.map((part) => part.kill()));
    await delay(DOWN_MS);
    await Promise.all(parts.map((part) => part.start()));
  };

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Deletes everything. The `snapshots` process restores the window states from the lake. */
export async function flushValkey({ system, burst }: FaultTools): Promise<void> {
  burst();
  await withRedis(system.stack.redisUrl, (redis) => redis.flushall());
}

/** Lowers Valkey's memory limit for a while, so that Valkey rejects every write. */
export async function fillValkey({ system, burst }: FaultTools): Promise<void> {
  burst();
  await withRedis(system.stack.redisUrl, async (redis) => {
    await redis.config("SET", "maxmemory", "1");
    await delay(DOWN_MS);
    await redis.config("SET", "maxmemory", MEMORY);
  });
}

export async function slowValkey({ valkey }: FaultTools): Promise<void> {
  valkey.responseDelayMs = SLOW_MS;
  await delay(SLOW_FOR_MS);
  valkey.responseDelayMs = 0;
}

/** Holds back responses for a while. Requests still arrive. */
export const loseResponses =
  (from: "valkey" | "scoring"): Cause =>
  async (tools) => {
    tools[from].hold("responses");
    await delay(DOWN_MS);
    tools[from].release();
  };

/** Makes Postgres read-only for a while, as after a demotion, or when a cloud provider protects a full disk. */
export async function lockPostgres({ system }: FaultTools): Promise<void> {
  // Obtains the operator's token while auth can still write.
  await system.control.call("GET", "/v1/lists");
  const set = (value: "on" | "off") =>
    withDatabase(system, async (database) => {
      await database.execute(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await database.execute("SELECT pg_reload_conf()");
    });
  await set("on");
  await delay(DOWN_MS);
  await expectUnavailable(system).finally(() => set("off"));
}

/**
 * Prevents Postgres from writing to any file, even its write-ahead log. Postgres stops with a panic, and cannot start
 * until there is space. Works without root, but only on Linux.
 */
export async function fillDiskOfPostgres({ system }: FaultTools): Promise<void> {
  await system.control.call("GET", "/v1/lists");
  const [row] = await withDatabase(system, (database) =>
    database.query(z.object({ data_directory: z.string() }), "SHOW data_directory"),
  );
  const [pid] = readFileSync(join(row?.data_directory ?? "", "postmaster.pid"), "utf8").split("\n");
  const { stdout } = await promisify(execFile)("ps", ["-o", "pid=", "--ppid", String(pid)]);
  // Even root may lack the right to limit processes of other users.
  const { uid, gid } = statSync(`/proc/${pid}`);
  const limit = (one = "") => promisify(execFile)("prlimit", ["--pid", one, "--fsize=0"], { uid, gid });
  await limit(pid);
  // Some of these processes may have ended with their connections.
  await Promise.allSettled(stdout.trim().split(/\s+/).map(limit));
  await delay(DOWN_MS);
  await expectUnavailable(system).finally(async () => {
    await system.stack.postgres.kill();
    await system.stack.postgres.start();
  });
}

function withDatabase<T>({ stack }: RunningSystem, work: (database: Database) => Promise<T>): Promise<T> {
  const url = new URL(stack.postgresUrl);
  url.searchParams.set("options", "-c default_transaction_read_only=off");
  const database = connectDatabase({
    url: url.href,
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError() {},
  });
  return work(database).finally(() => database.close());
}

/** @throws Error unless the control plane responds that it is temporarily unable to store changes */
async function expectUnavailable({ control }: RunningSystem): Promise<void> {
  const entries = [{ kind: "terminal", value: "t-fault", reason: "Test" }];
  const status = await control.call("POST", "/v1/lists/watch/entries", { body: { entries } }).then(
    () => 200,
    (error: unknown) => (error instanceof ControlRefusal ? error.status : String(error)),
  );
  if (status !== UNAVAILABLE) throw new Error(`A change to a list got ${status} instead of ${UNAVAILABLE}.`);
}
