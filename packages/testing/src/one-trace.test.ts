import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import type { Telemetry } from "@tripline/service-kit/telemetry";
import { startTelemetry } from "@tripline/service-kit/telemetry";
import { buildPayment } from "./build-payment.js";
import type { InProcessSystem } from "./in-process-system.js";
import { startInProcess } from "./in-process-system.js";
import { testModel } from "./test-model.js";

/** Every step of a payment's way, each under the step that caused it. */
const CHAIN: readonly (readonly [span: string, parent: string | undefined])[] = [
  ["POST /v1/transactions", undefined],
  ["redis reserve", "POST /v1/transactions"],
  ["transactions publish", "POST /v1/transactions"],
  ["transactions process", "transactions publish"],
  ["features publish", "transactions process"],
  ["features process", "features publish"],
  ["score", "features process"],
  ["grpc inference.GRPCInferenceService/ModelInfer", "score"],
  ["onnx run", "grpc inference.GRPCInferenceService/ModelInfer"],
  ["redis set", "features process"],
  ["decisions publish", "features process"],
];

describe("one trace per payment", () => {
  const exporter = new InMemorySpanExporter();
  let telemetry: Telemetry;
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    telemetry = startTelemetry({ service: "test", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    system = await startInProcess({ registryUrl });
  }, 180_000);

  afterAll(async () => {
    await system?.close();
    await telemetry?.shutdown();
  });

  test("it runs through HTTP, every Kafka hop, Redis and gRPC, each span under its cause", async () => {
    const result = await system.client.send(buildPayment(), 10);
    expect(result.status).toBe(200);
    const spans = await chainOf(exporter);
    for (const [name, parentName] of CHAIN) {
      const span = spans.find((candidate) => candidate.name === name);
      expect([name, span === undefined ? "missing" : "there"]).toEqual([name, "there"]);
      const parent = spans.find((candidate) => candidate.spanContext().spanId === span?.parentSpanContext?.spanId);
      expect([name, parent?.name]).toEqual([name, parentName]);
    }
    expect(new Set(spans.filter(({ name }) => name.startsWith("redis")).map(({ name }) => name))).toEqual(
      new Set(["redis reserve", "redis read", "redis compare-and-set", "redis set"]),
    );
  });
});

const WAIT_TRIES_MAX = 100;
const WAIT_MS = 50;

/** The spans of the payment's trace, once its last one has ended. */
async function chainOf(exporter: InMemorySpanExporter): Promise<ReadableSpan[]> {
  for (let attempt = 0; attempt < WAIT_TRIES_MAX; attempt += 1) {
    const all = exporter.getFinishedSpans();
    const root = all.find((span) => span.name === "POST /v1/transactions");
    const trace = all.filter((span) => span.spanContext().traceId === root?.spanContext().traceId);
    if (trace.some((span) => span.name === "features process")) return trace;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  return exporter.getFinishedSpans();
}
