import { setTimeout as sleep } from "node:timers/promises";
import type { Server, ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import type { ModelStreamInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { createLogger } from "@tripline/telemetry/logger";
import { InferenceServer } from "../inference/inference-server.js";
import { ModelTally } from "../inference/model-tally.js";
import { RequestBatcher } from "../inference/request-batcher.js";
import type { ServedModel } from "../models/served-model.js";
import { createScoringMetrics } from "../scoring-metrics.js";
import type { TestRegistry } from "../testing/service.js";
import { copyRegistry, failureOf, HeldRunner, METHODS, rawRequest, TestClient, until } from "../testing/service.js";
import { addInferenceService } from "./inference-service.js";
import type { RunningGrpc } from "./serve-grpc.js";
import { serveGrpc } from "./serve-grpc.js";

/** Longer than calls in progress take to end on a busy machine. */
const STOP_MS_MAX = 120_000;

let models: TestRegistry;
let model: ServedModel;
let runner: HeldRunner;
let server: InferenceServer;
let grpc: RunningGrpc;
let client: TestClient;

beforeEach(async () => {
  models = await copyRegistry();
  const { manifest } = await models.registry.resolve("fraud", "champion");
  runner = new HeldRunner();
  const limits = { rowsPerRunMax: 8, rowsQueuedMax: 8 };
  const batcher = new RequestBatcher(runner, limits);
  model = { manifest, providers: ["cpu"], workers: 1, limits, unexplained: "held", batcher, tally: new ModelTally() };
  server = new InferenceServer({
    models: {
      all: () => [model],
      allSlots: () => [],
      failure: undefined,
      find: () => model,
      isReady: () => true,
      load: async () => undefined,
      unload: async () => undefined,
    },
    registry: models.registry,
    metrics: createScoringMetrics(),
    version: "0.0.0",
    isControlled: false,
    isDraining: () => false,
  });
  await serve(STOP_MS_MAX);
});

async function serve(stopMsMax: number): Promise<void> {
  const addServices = (to: Server) => addInferenceService(to, server, createLogger("scoring", "silent"));
  grpc = await serveGrpc({ host: "127.0.0.1", port: 0, certificate: undefined, addServices, stopMsMax });
  client = new TestClient(grpc.address);
}

afterEach(async () => {
  client.close();
  await grpc.stop();
  await models.remove();
});

/** Waits until the model has received the client's request. */
async function arrived(runs: number, rowsQueued: number): Promise<void> {
  while (runner.runs.length < runs || model.batcher.rowsQueued < rowsQueued) await sleep(1);
}

/**
 * A call that reaches the queue and exceeds its deadline there. On a busy machine, a short one may not get that far.
 */
async function arrivedInTime(): Promise<{ late: Promise<ServiceError> }> {
  for (let deadlineMs = 50; deadlineMs < 20_000; deadlineMs *= 2) {
    let isOver = false;
    const late = failureOf(client.score([[5, 5, 5, 5]], { deadlineMs })).finally(() => {
      isOver = true;
    });
    await until("the call", async () => isOver || model.batcher.rowsQueued === 1);
    if (model.batcher.rowsQueued === 1) return { late };
  }
  throw new Error("no call came in time");
}

const ROW = [1, 2, 3, 4];

test("a shutdown completes running and waiting calls, and accepts no new ones", async () => {
  const calls = [client.score([ROW])];
  await arrived(1, 0);
  calls.push(client.score([ROW]));
  await arrived(1, 1);
  let isStopped = false;
  const stopped = grpc.stop().then(() => {
    isStopped = true;
  });
  const late = await failureOf(client.score([ROW]));
  expect(late.code).toBe(status.UNAVAILABLE);
  expect(isStopped).toBe(false);
  await runner.end(0);
  await runner.end(1);
  expect((await Promise.all(calls)).map((answer) => answer.scores)).toEqual([[2], [2]]);
  await stopped;
});

test("a shutdown cancels calls that exceed the time limit", async () => {
  client.close();
  await grpc.stop();
  await serve(50);
  const call = failureOf(client.score([ROW]));
  await arrived(1, 0);
  await grpc.stop();
  expect([status.UNAVAILABLE, status.CANCELLED]).toContain((await call).code);
});

test("a call that expires while waiting never reaches the model", async () => {
  const first = client.score([ROW]);
  await arrived(1, 0);
  const { late } = await arrivedInTime();
  const inTime = client.score([[7, 7, 7, 7]], { deadlineMs: 30_000 });
  await arrived(1, 2);
  expect((await late).code).toBe(status.DEADLINE_EXCEEDED);
  // The server's deadline starts when the call arrives. It notices that the client has gone before the client's next
  // call.
  await client.call(METHODS.serverReady, {});
  await runner.end(0);
  await first;
  await arrived(2, 0);
  expect(runner.runs[1]?.values).toEqual([7, 7, 7, 7]);
  await runner.end(1);
  expect((await inTime).scores).toEqual([14]);
});

test("a call that arrives after its deadline never reaches the model", async () => {
  const call = server.infer({
    request: rawRequest([ROW]),
    deadlineMs: Date.now() - 1,
    isCancelled: () => false,
    parents: [ROOT_CONTEXT],
    span: { name: "test", attributes: {}, ended: () => ({}) },
    isOfStream: false,
  });
  await expect(call).rejects.toMatchObject({ code: "deadline-exceeded" });
  expect(runner.runs).toEqual([]);
});

test.each<[string, Buffer]>([
  // Field 5 (inputs) contains field 3 (shape) with a 62-bit number.
  [
    "a dimension out of range",
    Buffer.from([0x2a, 0x0b, 0x1a, 0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]),
  ],
  ["bytes that are not a message", Buffer.from([0xff, 0xff, 0xff, 0x01])],
  ["a truncated message", Buffer.from([0x0a, 0x20, 0x66])],
])("%s is a client error, and the server keeps running", async (_case, bytes) => {
  const error = await failureOf(client.call({ ...METHODS.modelInfer, requestSerialize: () => bytes }, rawRequest([])));
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.details).toMatch(
    /^The request to .*ModelInfer cannot be read, or it contains a number that is out of range: .+\.$/,
  );
  const call = client.score([ROW]);
  await arrived(1, 0);
  await runner.end(0);
  expect((await call).scores).toEqual([2]);
});

test("the request parameter timeout is a deadline in microseconds", async () => {
  const first = client.score([ROW]);
  await arrived(1, 0);
  const timeout = { parameterChoice: { $case: "int64Param", value: 1_000 } } as const;
  const late = failureOf(client.call(METHODS.modelInfer, rawRequest([ROW], { parameters: { timeout } })));
  await arrived(1, 1);
  const enoughMs = Date.now() + 2;
  await until("the timeout", async () => Date.now() > enoughMs);
  await runner.end(0);
  await first;
  expect(await late).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    details: expect.stringMatching(/^The deadline passed after the request had waited \d+ ms for the model\.$/),
  });
  expect(runner.runs).toHaveLength(1);
});

test("a stream sends responses as they become ready, and ends after the last one", async () => {
  const stream = client.stream();
  const seen: string[] = [];
  const ended = new Promise<void>((resolve) => stream.on("end", resolve));
  stream.on("data", (answer: ModelStreamInferResponse) =>
    seen.push(`${answer.inferResponse?.id}${answer.errorMessage}`),
  );
  stream.write(rawRequest([ROW], { id: "first" }));
  await arrived(1, 0);
  stream.write(rawRequest([ROW], { id: "waits" }));
  await arrived(1, 1);
  stream.write(rawRequest([ROW], { id: "bad: ", inputs: [] }));
  stream.end();
  await until("the refusal", async () => seen.length === 1);
  await runner.end(0);
  await arrived(2, 0);
  await runner.end(1);
  await ended;
  expect(seen).toEqual(['bad: Input "features" is missing.', "first", "waits"]);
});

test("regression #12: only the last response to each request on a stream is marked as final, as in Triton", async () => {
  const stream = client.stream();
  const seen: ModelStreamInferResponse[] = [];
  const ended = new Promise<void>((resolve) => stream.on("end", resolve));
  stream.on("data", (answer: ModelStreamInferResponse) => seen.push(answer));
  stream.write(rawRequest([ROW], { id: "good" }));
  await arrived(1, 0);
  stream.write(rawRequest([ROW], { id: "bad", inputs: [] }));
  stream.end();
  await runner.end(0);
  await ended;
  const final = { triton_final_response: { parameterChoice: { $case: "boolParam", value: true } } };
  const marks = Object.fromEntries(seen.map(({ inferResponse }) => [inferResponse?.id, inferResponse?.parameters]));
  expect(marks).toEqual({ good: final, bad: final });
  const call = client.call(METHODS.modelInfer, rawRequest([ROW]));
  await arrived(2, 0);
  await runner.end(1);
  expect((await call).parameters).toEqual({});
});

test("calls that arrive while the model is busy run in one batch", async () => {
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
