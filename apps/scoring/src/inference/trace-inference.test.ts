import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import type { TestScoring } from "../testing/service.js";
import { failureOf, startTestScoring } from "../testing/service.js";

const exporter = new InMemorySpanExporter();
let telemetry: Telemetry;
let scoring: TestScoring;

beforeAll(async () => {
  telemetry = startTelemetry({ service: "scoring", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  scoring = await startTestScoring();
});

afterAll(async () => {
  await scoring.close();
  await telemetry.shutdown();
});

beforeEach(() => exporter.reset());

const SERVER_SPAN = "inference.GRPCInferenceService/ModelInfer";
const ROW = [1, 2, 3, 4];

/** The nth trace context of a caller. */
function traceparent(index: number): string {
  const digits = (index + 1).toString(16);
  return `00-${digits.padStart(32, "0")}-${digits.padStart(16, "0")}-01`;
}

function spansOf(index: number) {
  const [, traceId] = traceparent(index).split("-");
  return exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceId);
}

test("the call is a server span in the caller's trace, and the run is its child span", async () => {
  const { version } = await scoring.client.score([ROW, ROW], { metadata: { traceparent: traceparent(0) } });
  const spans = spansOf(0);
  expect(spans.map((span) => span.name).sort()).toEqual([SERVER_SPAN, "onnx run"]);
  const server = spans.find((span) => span.name === SERVER_SPAN);
  const run = spans.find((span) => span.name === "onnx run");
  expect(server?.kind).toBe(SpanKind.SERVER);
  expect(server?.parentSpanContext?.spanId).toBe(traceparent(0).split("-")[2]);
  expect(run?.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
  expect(run?.attributes).toEqual({
    "tripline.model.name": "fraud",
    "tripline.model.version": version,
    "tripline.model.execution_providers": "trees",
    "tripline.run.rows": 2,
    "tripline.run.requests": 1,
    "tripline.queue.duration_ms": expect.any(Number),
    "tripline.inference.duration_ms": expect.any(Number),
  });
});

test("adds both spans to the trace of each payment in a request, up to 512", async () => {
  const others = Array.from({ length: 520 }, (_, index) => traceparent(index));
  await scoring.client.score([ROW], {
    metadata: { traceparent: traceparent(0), "tripline-traceparents": others.join(",") },
  });
  for (const index of [0, 1, 255, 511]) {
    expect(
      spansOf(index)
        .map((span) => span.name)
        .sort(),
    ).toEqual([SERVER_SPAN, "onnx run"]);
  }
  expect(spansOf(512)).toEqual([]);
  expect(exporter.getFinishedSpans()).toHaveLength(2 * 512);
});

test("starts a trace if there is no valid one", async () => {
  await scoring.client.score([ROW], { metadata: { "tripline-traceparents": "nonsense,,00-1-2-3" } });
  expect(exporter.getFinishedSpans().map((span) => span.name)).toEqual(["onnx run", SERVER_SPAN]);
});

test("marks a failed call with its error code but no client data", async () => {
  await failureOf(scoring.client.score([[Number.NaN, 1, 1, 1]], { metadata: { traceparent: traceparent(3) } }));
  const [server, ...more] = spansOf(3);
  expect(more).toEqual([]);
  // An error of the caller, not of this server.
  expect(server?.status).toEqual({ code: SpanStatusCode.UNSET });
  expect(server?.attributes).toEqual({
    "rpc.system.name": "grpc",
    "rpc.method": "inference.GRPCInferenceService/ModelInfer",
    "rpc.status_code": "INVALID_ARGUMENT",
    "error.type": "invalid-tensor",
  });
  expect(server?.events).toEqual([]);
});
