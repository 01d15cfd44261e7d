import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import type { Telemetry } from "@tripline/service-kit/telemetry/telemetry";
import { startTelemetry } from "@tripline/service-kit/telemetry/telemetry";
import { writeMetrics } from "@tripline/service-kit/telemetry/write-metrics";
import { readOpenMetrics } from "@tripline/service-kit/testing/open-metrics";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

/** Every step of a payment's way, each under the step that caused it. */
const CHAIN: readonly (readonly [span: string, parent: string | undefined])[] = [
  ["POST /v1/transactions", undefined],
  ["redis reserve", "POST /v1/transactions"],
  ["send transactions", "POST /v1/transactions"],
  ["process transactions", "send transactions"],
  ["send features", "process transactions"],
  ["process features", "send features"],
  ["score", "process features"],
  ["inference.GRPCInferenceService/ModelInfer", "score"],
  ["onnx run", "inference.GRPCInferenceService/ModelInfer"],
  ["redis set", "process features"],
  ["send decisions", "process features"],
];

const MODEL_INFER = { "rpc.system.name": "grpc", "rpc.method": "inference.GRPCInferenceService/ModelInfer" };

/** What the spans say by the semantic conventions; numbers that differ from run to run are left open. */
const ATTRIBUTES: Readonly<Record<string, Attributes>> = {
  "POST /v1/transactions": {
    "http.request.method": "POST",
    "http.route": "/v1/transactions",
    "http.response.status_code": 200,
    "url.path": "/v1/transactions",
    "url.scheme": "http",
  },
  "redis reserve": { "db.system.name": "redis", "db.operation.name": "SET" },
  "redis read": { "db.system.name": "redis", "db.operation.name": "PIPELINE" },
  "redis compare-and-set": { "db.system.name": "redis", "db.operation.name": "MULTI" },
  "redis set": { "db.system.name": "redis", "db.operation.name": "SET" },
  "send transactions": sending("transactions"),
  "process transactions": processing("transactions", "features"),
  "send features": sending("features"),
  "process features": processing("features", "decisions"),
  "send decisions": sending("decisions"),
  score: MODEL_INFER,
  "inference.GRPCInferenceService/ModelInfer": { ...MODEL_INFER, "rpc.status_code": "OK" },
};

function messaging(topic: string, operation: string): Attributes {
  return {
    "messaging.system.name": "kafka",
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.destination.name": topic,
    "messaging.batch.message_count": 1,
  };
}

function sending(topic: string): Attributes {
  return messaging(topic, "send");
}

function processing(topic: string, group: string): Attributes {
  return {
    ...messaging(topic, "process"),
    "messaging.destination.partition.id": expect.stringMatching(/^[0-5]$/),
    "messaging.consumer.group.name": group,
    "kafka.offset": expect.any(Number),
  };
}

const exporter = new InMemorySpanExporter();
// OpenTelemetry can be started once in a process.
let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ service: "test", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
});
afterAll(() => telemetry.shutdown());

describe.each(TOPOLOGIES)("one trace per payment, %s", (topology) => {
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    exporter.reset();
    system = await startInProcess({ registryUrl, topology });
  }, 180_000);

  afterAll(() => system?.close());

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
    const id = result.decision?.id;
    const own: Readonly<Record<string, Attributes>> = {
      "POST /v1/transactions": { "tripline.payment.id": id },
      "process transactions": { "tripline.payment.id": id },
      "process features": {
        "tripline.payment.id": id,
        "tripline.decision.outcome": result.decision?.outcome,
        "tripline.decision.rung": "model",
      },
    };
    for (const [name, attributes] of Object.entries(ATTRIBUTES)) {
      const span = spans.find((candidate) => candidate.name === name);
      expect([name, span?.attributes]).toEqual([name, { ...attributes, ...own[name] }]);
    }
    expect(new Set(spans.filter(({ name }) => name.startsWith("redis")).map(({ name }) => name))).toEqual(
      new Set(["redis reserve", "redis read", "redis compare-and-set", "redis set"]),
    );
  });

  test("what all services count together passes a strict reader of OpenMetrics", async () => {
    const samples = readOpenMetrics((await writeMetrics("application/openmetrics-text")).body);
    const counted = new Set(samples.map(({ name }) => name));
    for (const name of [
      "http_server_request_duration_seconds_count",
      "tripline_ingestion_events_total",
      "tripline_features_hop_duration_seconds_bucket",
      "tripline_scoring_inference_duration_seconds_bucket",
      "tripline_decisions_made_total",
      "tripline_kafka_lag",
    ]) {
      expect([name, counted.has(name)]).toEqual([name, true]);
    }
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
    if (trace.some((span) => span.name === "process features")) return trace;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  return exporter.getFinishedSpans();
}
