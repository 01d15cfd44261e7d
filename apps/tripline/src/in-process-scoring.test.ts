import { TriplineError } from "@tripline/contracts/error-table";
import {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { InferCall } from "@tripline/scoring/inference/answer-inference";
import { createLogger } from "@tripline/telemetry/logger";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import type { Server } from "./in-process-scoring.js";
import { InProcessScoring } from "./in-process-scoring.js";

const LOGGER = createLogger("test", "silent");
const REQUEST = { ...ModelInferRequest.decode(new Uint8Array()), modelName: "fraud" };
const RESPONSE = { ...ModelInferResponse.decode(new Uint8Array()), modelVersion: "7" };
/** Longer than any stall of a busy machine. */
const AMPLE_MS = 60_000;

/** A server that returns these responses in order, and repeats the last one. */
function serverOf(...answers: ((call: InferCall) => Promise<ModelInferResponse>)[]) {
  const calls: InferCall[] = [];
  const server: Server = {
    infer(call) {
      const answer = answers[Math.min(calls.length, answers.length - 1)];
      calls.push(call);
      return answer?.(call) ?? Promise.reject(new Error("no answer"));
    },
    modelMetadata() {
      throw new TriplineError("model-not-found", "There is no model fraud.");
    },
  };
  return { calls, scoring: new InProcessScoring(() => server, LOGGER) };
}

const fails = (code: TriplineError["code"]) => () => Promise.reject(new TriplineError(code, "why"));
const inMs = (ms: number) => performance.now() + ms;

// Without telemetry, trace headers are ignored.
let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ service: "test" });
});
afterAll(() => telemetry.shutdown());

test("passes the request object itself, with the deadline on the server's clock", async () => {
  const { calls, scoring } = serverOf(async () => RESPONSE);
  const before = Date.now();
  expect(await scoring.infer(REQUEST, {}, inMs(AMPLE_MS))).toEqual({ value: RESPONSE });
  expect(calls[0]?.request).toBe(REQUEST);
  expect(calls[0]?.deadlineMs).toBeGreaterThanOrEqual(before + AMPLE_MS - 1);
  expect(calls[0]?.deadlineMs).toBeLessThanOrEqual(Date.now() + AMPLE_MS);
  expect(calls[0]?.isCancelled()).toBe(false);
});

test("preserves the trace of each payment", async () => {
  const { calls, scoring } = serverOf(async () => RESPONSE);
  const traceparent = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
  const headers = {
    traceparent: traceparent("1"),
    "tripline-traceparents": [traceparent("2"), traceparent("3")].join(),
  };
  await scoring.infer(REQUEST, headers, inMs(AMPLE_MS));
  expect(calls[0]?.parents).toHaveLength(3);
});

test("a missing response counts as late, and the server is notified that the caller has gone", async () => {
  const { calls, scoring } = serverOf(() => new Promise(() => {}));
  expect(await scoring.infer(REQUEST, {}, inMs(20))).toMatchObject({ failure: "late", status: "DEADLINE_EXCEEDED" });
  expect(calls[0]?.isCancelled()).toBe(true);
});

test("retries transient errors within the deadline, but no others", async () => {
  const passing = serverOf(fails("scoring-unavailable"), fails("scoring-unavailable"), async () => RESPONSE);
  expect(await passing.scoring.infer(REQUEST, {}, inMs(AMPLE_MS))).toEqual({ value: RESPONSE });
  expect(passing.calls).toHaveLength(3);
  const refusing = serverOf(fails("invalid-tensor"));
  expect(await refusing.scoring.infer(REQUEST, {}, inMs(AMPLE_MS))).toEqual({
    failure: "refused",
    status: "INVALID_ARGUMENT",
    detail: "why",
  });
  expect(refusing.calls).toHaveLength(1);
  expect(await refusing.scoring.modelMetadata("fraud", "1", inMs(AMPLE_MS))).toMatchObject({ failure: "refused" });
});

test("waits until scoring has started", async () => {
  let server: Server | undefined;
  const scoring = new InProcessScoring(() => server, LOGGER);
  expect(await scoring.infer(REQUEST, {}, inMs(20))).toMatchObject({ failure: "unreachable", status: "UNAVAILABLE" });
  const asked = scoring.infer(REQUEST, {}, inMs(AMPLE_MS));
  server = { infer: async () => RESPONSE, modelMetadata: () => ModelMetadataResponse.decode(new Uint8Array()) };
  expect(await asked).toEqual({ value: RESPONSE });
});
