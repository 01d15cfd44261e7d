import type { IncomingMessage, ServerResponse } from "node:http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { AlwaysOffSampler, BatchSpanProcessor, NoopSpanProcessor } from "@opentelemetry/sdk-trace";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions";
import { collectDefaultMetrics, Gauge } from "prom-client";
import { registry } from "./metrics.js";
import { writeMetrics } from "./write-metrics.js";

export interface Telemetry {
  shutdown(): Promise<void>;
}

export interface TelemetryOptions {
  /** Its name unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` gives another. */
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector. Without it no span is recorded, but trace ids still travel and are logged. */
  readonly otlpEndpoint?: string | undefined;
  /** Where finished spans go instead of a collector, for instance into a test's memory. */
  readonly spanProcessors?: SpanProcessor[];
}

const TARGET_INFO = "target_info";
const PROCESS_CPU = "process_cpu_seconds_total";

/** Starts OpenTelemetry for this process, and the metrics of the process itself. To be called once. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const spanProcessors = options.spanProcessors ?? exportersFor(options.otlpEndpoint);
  const resource = resourceOf(options.service);
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    // Without any processor the SDK would not register itself, and trace ids would not travel.
    spanProcessors: spanProcessors.length === 0 ? [new NoopSpanProcessor()] : spanProcessors,
    // With nowhere to send spans, recording them would only cost time.
    ...(spanProcessors.length === 0 ? { sampler: new AlwaysOffSampler() } : {}),
  });
  sdk.start();
  // CPU, memory, descriptors, event loop and garbage collection.
  if (registry.getSingleMetric(PROCESS_CPU) === undefined) collectDefaultMetrics({ register: registry });
  tellResource(resource);
  return { shutdown: () => sdk.shutdown() };
}

/** Writes the metrics of this process in the format that the request asks for. */
export function serveMetrics(request: IncomingMessage, response: ServerResponse): void {
  writeMetrics(request.headers.accept).then(
    ({ contentType, body }) => response.writeHead(200, { "content-type": contentType }).end(body),
    () => response.writeHead(500).end(),
  );
}

/** By OpenTelemetry's rules the environment overrides what the service says of itself. */
function resourceOf(service: string): Resource {
  return defaultResource()
    .merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: service }))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The resource as a metric, by OpenTelemetry's mapping to Prometheus. */
function tellResource(resource: Resource): void {
  const labels = Object.fromEntries(
    Object.entries(resource.attributes).map(([name, value]) => [name.replaceAll(/\W/g, "_"), String(value)]),
  );
  registry.removeSingleMetric(TARGET_INFO);
  const info = { name: TARGET_INFO, help: "Target metadata", labelNames: Object.keys(labels), registers: [registry] };
  new Gauge(info).set(labels, 1);
}

function exportersFor(otlpEndpoint: string | undefined): SpanProcessor[] {
  if (otlpEndpoint === undefined) return [];
  const exporter = new OTLPTraceExporter({ url: `${otlpEndpoint.replace(/\/$/, "")}/v1/traces` });
  return [new BatchSpanProcessor({ exporter, maxQueueSize: 8_192, maxExportBatchSize: 512 })];
}
