import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { createLogger } from "@tripline/service-kit/logger";
import { inferenceService } from "./answer-inference.js";
import { RequestBatcher } from "./batch-requests.js";
import { createScoringMetrics } from "./scoring-metrics.js";
import type { RunningGrpc } from "./serve-grpc.js";
import { serveGrpc } from "./serve-grpc.js";
import type { ServedModel } from "./served-model.js";
import type { TestRegistry } from "./test-service.js";
import { copyRegistry, failureOf, HeldRunner, TestClient } from "./test-service.js";

let models: TestRegistry;
let model: ServedModel;
let runner: HeldRunner;
let grpc: RunningGrpc;
let client: TestClient;

beforeEach(async () => {
  models = await copyRegistry();
  const { manifest } = await models.registry.resolve("fraud", "champion");
  runner = new HeldRunner();
  const batcher = new RequestBatcher(runner, { rowsPerRunMax: 8, rowsQueuedMax: 8 });
  model = { manifest, providers: ["cpu"], batcher };
  const service = inferenceService({
    current: () => model,
    isReady: () => true,
    rowsPerRunMax: 8,
    version: "0.0.0",
    metrics: createScoringMetrics(),
    logger: createLogger("scoring", "silent"),
  });
  grpc = await serveGrpc("127.0.0.1", 0, service, 500);
  client = new TestClient(grpc.address);
});

afterEach(async () => {
  client.close();
  await grpc.stop();
  await models.remove();
});

/** Waits for what the client sent to be with the model. */
async function arrived(runs: number, rowsQueued: number): Promise<void> {
  while (runner.runs.length < runs || model.batcher.rowsQueued < rowsQueued) await sleep(1);
}

const ROW = [1, 2, 3, 4];

test("stopping lets the calls in progress end, running or waiting, and takes no new ones", async () => {
  const calls = [client.score([ROW]), client.score([ROW])];
  await arrived(1, 1);
  let isStopped = false;
  const stopped = grpc.stop().then(() => {
    isStopped = true;
  });
  const late = await failureOf(client.score([ROW], { deadlineMs: 5_000 }));
  expect(late.code).toBe(status.UNAVAILABLE);
  expect(isStopped).toBe(false);
  await runner.end(0);
  await runner.end(1);
  expect((await Promise.all(calls)).map((answer) => answer.scores)).toEqual([[2], [2]]);
  await stopped;
});

test("stopping cuts off what does not end within the bound", async () => {
  const call = failureOf(client.score([ROW]));
  await arrived(1, 0);
  await grpc.stop();
  expect([status.UNAVAILABLE, status.CANCELLED]).toContain((await call).code);
});

test("a call whose deadline passes while it waits never reaches the model", async () => {
  const first = client.score([ROW]);
  await arrived(1, 0);
  const late = failureOf(client.score([[5, 5, 5, 5]], { deadlineMs: 50 }));
  await arrived(1, 1);
  const inTime = client.score([[7, 7, 7, 7]], { deadlineMs: 30_000 });
  await arrived(1, 2);
  expect((await late).code).toBe(status.DEADLINE_EXCEEDED);
  await runner.end(0);
  await first;
  await arrived(2, 0);
  expect(runner.runs[1]?.values).toEqual([7, 7, 7, 7]);
  await runner.end(1);
  expect((await inTime).scores).toEqual([14]);
});

test("calls that come while the model is busy go through it together", async () => {
  const calls = [client.score([ROW])];
  await arrived(1, 0);
  calls.push(client.score([[5, 5, 5, 5]]), client.score([[7, 7, 7, 7], ROW]));
  await arrived(1, 3);
  await runner.end(0);
  await arrived(2, 0);
  expect(runner.runs[1]?.rows).toBe(3);
  await runner.end(1);
  await Promise.all(calls);
});
