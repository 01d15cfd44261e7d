import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rename, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import { z } from "zod";
import type { TestRegistry } from "./testing/service.js";
import { copyRegistry, failureOf, METHODS, TestClient, testEnvironment } from "./testing/service.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const LINE_MS_MAX = 120_000;

const logLine = z.looseObject({ level: z.string(), msg: z.string() });
type LogLine = z.infer<typeof logLine>;

/** The service in a separate process, with its log. */
class ScoringProcess {
  readonly lines: LogLine[] = [];
  readonly end: Promise<number | null>;
  private readonly child: ChildProcess;
  private onLine: () => void = () => undefined;

  constructor(environment: Readonly<Record<string, string>>, nodeOptions: readonly string[]) {
    const child = spawn(process.execPath, [...nodeOptions, MAIN], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.lines.push(logLine.parse(JSON.parse(line)));
      this.onLine();
    });
    this.end = once(child, "close").then(([code]) => {
      this.onLine();
      return z.number().nullable().parse(code);
    });
  }

  /** The first line that matches, once it is there. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find(matches);
        if (found !== undefined) {
          clearTimeout(timer);
          resolve(found);
        } else if (this.child.exitCode !== null) {
          clearTimeout(timer);
          reject(new Error(`it ended: ${JSON.stringify(this.lines)}`));
        }
      };
      const timer = setTimeout(() => reject(new Error(`no such line: ${JSON.stringify(this.lines)}`)), LINE_MS_MAX);
      this.onLine = look;
      look();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

let models: TestRegistry;
const started: ScoringProcess[] = [];

beforeEach(async () => {
  models = await copyRegistry();
});

afterEach(async () => {
  for (const one of started.splice(0)) {
    one.kill("SIGKILL");
    await one.end;
  }
  await models.remove();
});

function startMain(
  changes: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
): ScoringProcess {
  const one = new ScoringProcess(testEnvironment(models.url, { LOG_LEVEL: "info", ...changes }), nodeOptions);
  started.push(one);
  return one;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return address.port;
}

test("regression #33: does not start with a model that fails its checks, says why in one sentence, and may be restarted", async () => {
  const main = startMain({ MODELS: "fraud@always-nan" });
  expect(await main.end).toBe(1);
  const [line, ...more] = main.lines;
  expect(more).toEqual([]);
  expect(line).toMatchObject({ level: "fatal", code: "model-refused" });
  expect(line?.msg).toMatch(
    /^Model fraud [0-9a-f]{12} was rejected: row 0 of its golden batch returns NaN, but the trainer's score is /,
  );
});

test("follows the alias, rejects a bad model once and keeps the old one, and counts these events", async () => {
  const port = await freePort();
  const main = startMain({ GRPC_PORT: String(port), REGISTRY_POLL_SECONDS: "0.02" });
  const up = await main.line((line) => line.msg === "scoring is up");
  const client = new TestClient(`127.0.0.1:${port}`);
  const champion = await models.registry.resolve("fraud", "champion");
  const challenger = await models.registry.resolve("fraud", "challenger");
  const wrong = await models.registry.resolve("fraud", "wrong-golden");
  const nan = await models.registry.resolve("fraud", "always-nan");
  expect(await client.score(champion.golden.inputs)).toMatchObject({ version: champion.version });

  // A model whose output differs from its trainer's.
  await models.registry.setAlias("fraud", "champion", wrong.version);
  const refusal = await main.line((line) => line.refused === wrong.version);
  expect(refusal).toMatchObject({ level: "error", code: "model-refused", version: champion.version });
  expect(refusal.msg).toMatch(/golden batch returns .* The previous model stays in use\.$/);
  expect(await client.score(champion.golden.inputs)).toMatchObject({ version: champion.version });

  // A model whose file was damaged after it was published.
  await models.registry.setAlias("fraud", "champion", nan.version);
  await main.line((line) => line.refused === nan.version);
  await models.registry.setAlias("fraud", "champion", challenger.version);
  await main.line((line) => line.msg === "model replaced");
  await truncate(champion.modelPath, 1_000);
  const alias = join(models.root, "models/fraud/aliases/champion");
  await writeFile(`${alias}.new`, champion.version);
  await rename(`${alias}.new`, alias);
  const damaged = await main.line((line) => line.refused === champion.version);
  expect(damaged.msg).toContain("model.onnx differs from the published file");

  // By the end of the next swap, each rejected model has been polled many times.
  const other = await models.registry.resolve("fraud", "sometimes-nan");
  await models.registry.setAlias("fraud", "champion", other.version);
  await main.line((line) => line.msg === "model replaced" && line.version === other.version);
  expect(await client.score([[1, 1, 1, 1]])).toEqual({ version: other.version, scores: [0.5] });
  expect(main.lines.filter((line) => line.level === "error").map((line) => line.refused)).toEqual([
    wrong.version,
    nan.version,
    champion.version,
  ]);

  const text = await (await fetch(`${z.string().parse(up.url)}/metrics`)).text();
  const value = (name: string, labels = ""): number => {
    const lines = text.split("\n").filter((one) => one.startsWith(name) && one.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  expect(value("tripline_scoring_model_swaps")).toBe(2);
  expect(value("tripline_scoring_model_refusals", 'code="model-refused"')).toBe(3);
  expect(value("tripline_scoring_requests", 'outcome="ok"')).toBe(3);
  expect(value("tripline_scoring_queue_duration_seconds_count")).toBe(3);
  expect(value("tripline_scoring_run_rows_sum")).toBe(65);
  expect(value("tripline_scoring_inference_duration_seconds_count", champion.version)).toBe(2);
  // Each figure names its model, version and execution provider.
  for (const name of ["queue_duration_seconds_count", "run_rows_sum", "inference_duration_seconds_count", "requests"]) {
    const labels = `model="fraud",model_version="${champion.version}",execution_providers="trees"`;
    expect(value(`tripline_scoring_${name}`, labels)).toBe(name === "run_rows_sum" ? 64 : 2);
  }
  expect(value("tripline_scoring_model_info", other.version)).toBe(1);
  expect(text).not.toContain(`model_info{model="fraud",model_version="${champion.version}"`);
  expect(value("tripline_scoring_queue_rows")).toBe(0);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  client.close();
});

test("shuts down cleanly on SIGTERM", async () => {
  const main = startMain();
  await main.line((line) => line.msg === "scoring is up");
  main.kill("SIGTERM");
  expect(await main.end).toBe(0);
  expect(main.lines.filter((line) => line.level === "error")).toEqual([]);
  expect(main.lines.at(-1)?.msg).toBe("scoring is down");
});

test("if its gRPC port is in use, says so in one sentence", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const main = startMain({ GRPC_PORT: String(port) });
  expect(await main.end).not.toBe(0);
  expect(main.lines.at(-1)).toMatchObject({ level: "fatal", code: "config-invalid" });
  expect(main.lines.at(-1)?.msg).toContain(`GRPC_PORT ${port} on 127.0.0.1 is not available`);
  server.close();
});

/** Makes a process terminate its newest thread on SIGUSR2, like a fault in a native library. */
const END_THREAD = `
  let youngest;
  process.on("worker", (worker) => { youngest = worker; });
  process.on("SIGUSR2", () => youngest.terminate());`;

test("if its thread dies, is not ready and rejects calls, and recovers at the next poll", async () => {
  const port = await freePort();
  const settings = { EXECUTION_PROVIDERS: "cpu", REGISTRY_POLL_SECONDS: "1" };
  const main = startMain({ GRPC_PORT: String(port), ...settings }, [
    `--import=data:text/javascript,${encodeURIComponent(END_THREAD)}`,
  ]);
  await main.line((line) => line.msg === "scoring is up");
  const client = new TestClient(`127.0.0.1:${port}`);
  const { version, golden } = await models.registry.resolve("fraud", "champion");
  expect(await client.call(METHODS.serverReady, {})).toEqual({ ready: true });
  main.kill("SIGUSR2");
  while ((await client.call(METHODS.serverReady, {})).ready);
  expect(await failureOf(client.score(golden.inputs))).toMatchObject({
    code: status.UNAVAILABLE,
    details: "An inference thread exited with code 1.",
  });
  await main.line((line) => line.msg === "model replaced");
  expect(await client.call(METHODS.serverReady, {})).toEqual({ ready: true });
  expect(await client.score(golden.inputs)).toMatchObject({ version });
  client.close();
});
