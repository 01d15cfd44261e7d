import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { startTelemetry } from "./telemetry.js";
import { readOpenMetrics } from "./test-open-metrics.js";
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
const told: [string, Environment, Record<string, string>][] = [
  ["nothing: the service's own name", {}, { "service.name": "ingestion" }],
  [
    "attributes, with escapes: them too",
    { OTEL_RESOURCE_ATTRIBUTES: POD },
    { "service.name": "ingestion", "deployment.environment.name": "prod", "k8s.pod.name": "a,b=c" },
  ],
  [
    "a name among the attributes: that one",
    { OTEL_RESOURCE_ATTRIBUTES: "service.name=front" },
    { "service.name": "front" },
  ],
  [
    "a name besides: before the one among the attributes",
    { OTEL_RESOURCE_ATTRIBUTES: "service.name=front,a=b", OTEL_SERVICE_NAME: "door" },
    { "service.name": "door", a: "b" },
  ],
  ["an empty name: as if it were not set", { OTEL_SERVICE_NAME: "" }, { "service.name": "ingestion" }],
];

test.each(told)("the environment says %s", async (_name, environment, expected) => {
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
