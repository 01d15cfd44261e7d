import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import type { Telemetry } from "./telemetry.js";
import { startTelemetry } from "./telemetry.js";
import { readOpenMetrics } from "./testing/open-metrics.js";
import { writeMetrics } from "./write-metrics.js";

const VARIABLES = ["OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"] as const;
type Environment = Partial<Record<(typeof VARIABLES)[number], string>>;

const before = VARIABLES.map((name) => [name, process.env[name]] as const);
const setVariables = (environment: readonly (readonly [string, string | undefined])[]) => {
  for (const [name, value] of environment) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
};
afterEach(() => {
  setVariables(before);
  trace.disable();
});

const POD = "deployment.environment.name=prod,k8s.pod.name=a%2Cb%3Dc";
const environments: [string, Environment, Record<string, string>][] = [
  ["no variables: uses the service's own name", {}, { "service.name": "ingestion" }],
  [
    "attributes with escapes: includes them",
    { OTEL_RESOURCE_ATTRIBUTES: POD },
    { "service.name": "ingestion", "deployment.environment.name": "prod", "k8s.pod.name": "a,b=c" },
  ],
  [
    "a name among the attributes: uses that one",
    { OTEL_RESOURCE_ATTRIBUTES: "service.name=front" },
    { "service.name": "front" },
  ],
  [
    "OTEL_SERVICE_NAME: prefers it to the one among the attributes",
    { OTEL_RESOURCE_ATTRIBUTES: "service.name=front,a=b", OTEL_SERVICE_NAME: "door" },
    { "service.name": "door", a: "b" },
  ],
  ["an empty name: treats it as unset", { OTEL_SERVICE_NAME: "" }, { "service.name": "ingestion" }],
];

test.each(environments)("reads the service name from the environment with %s", async (_name, environment, expected) => {
  setVariables(VARIABLES.map((name) => [name, environment[name]]));
  const exporter = new InMemorySpanExporter();
  const telemetry = startTelemetry({
    service: "ingestion",
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  try {
    trace.getTracer("test").startSpan("one").end();
    const [span] = exporter.getFinishedSpans();
    expect(span?.resource.attributes).toMatchObject({ ...expected, "telemetry.sdk.language": "nodejs" });
    const info = readOpenMetrics((await writeMetrics("application/openmetrics-text")).body).find(
      ({ name }) => name === "target_info",
    );
    const labels = Object.entries(expected).map(([name, value]) => [name.replaceAll(".", "_"), value]);
    expect(info?.labels).toMatchObject(Object.fromEntries(labels));
  } finally {
    await telemetry.shutdown();
  }
});

test("regression #24: the resource contains version, instance and environment", async () => {
  setVariables(VARIABLES.map((name) => [name, undefined]));
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  const telemetry = startTelemetry({ service: "ingestion", environment: "staging", spanProcessors });
  try {
    trace.getTracer("test").startSpan("one").end();
    expect(exporter.getFinishedSpans()[0]?.resource.attributes).toMatchObject({
      "service.version": expect.stringMatching(/^\d+\.\d+\.\d+/),
      "service.instance.id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      "deployment.environment.name": "staging",
    });
  } finally {
    await telemetry.shutdown();
  }
});

describe("no span is recorded without a collector", () => {
  let telemetry: Telemetry;
  beforeEach(() => {
    telemetry = startTelemetry({ service: "ingestion" });
  });
  afterEach(() => telemetry.shutdown());

  test("a span without a parent starts a trace", () => {
    const [first, second] = [1, 2].map(() => trace.getTracer("test").startSpan("x", {}, ROOT_CONTEXT));
    expect(first?.isRecording()).toBe(false);
    expect(first?.spanContext().traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(first?.spanContext().spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(second?.spanContext().traceId).not.toBe(first?.spanContext().traceId);
  });

  test("a span continues its parent's trace with its own ID", () => {
    const remote = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
    const span = trace.getTracer("test").startSpan("x", {}, trace.setSpanContext(ROOT_CONTEXT, remote));
    expect(span.spanContext()).toMatchObject({ traceId: remote.traceId, traceFlags: TraceFlags.NONE });
    expect(span.spanContext().spanId).not.toBe(remote.spanId);
    expect(span.isRecording()).toBe(false);
  });
});
