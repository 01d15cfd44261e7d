import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { logs } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BatchLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { AlwaysOffSampler, BatchSpanProcessor, NoopSpanProcessor } from "@opentelemetry/sdk-trace";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions";
import { collectDefaultMetrics, Gauge } from "prom-client";
import { CollectorExporter } from "./collector-exporter.js";
import type { Logger } from "./logger.js";
import { registry } from "./metrics.js";
import { sendLogsTo } from "./send-logs.js";
import { writeMetrics } from "./write-metrics.js";

export interface Telemetry {
  shutdown(): Promise<void>;
}

export interface TelemetryOptions {
  /** Its name unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` gives another. */
  readonly service: string;
  /**
   * Base URL of an OTLP/HTTP collector for spans and logs. Without it no span is recorded, but trace ids still travel and
   * are logged.
   */
  readonly otlpEndpoint?: string | undefined;
  /** Is told when the collector does not answer, and when it does again. */
  readonly log?: Logger;
  /** Where finished spans go instead of a collector, for instance into a test's memory. */
  readonly spanProcessors?: SpanProcessor[];
}

const TARGET_INFO = "target_info";
const PROCESS_CPU = "process_cpu_seconds_total";
/** Spans, or lines of logs, that wait for the collector; what comes on top is left out. */
const WAITING_MAX = 8_192;
const BATCH_MAX = 512;
/** A try to send a batch, with its retries. */
const SEND_MS_MAX = 5_000;
/** How long the end of the process waits for the collector. */
const LAST_SEND_MS_MAX = 2_000;

/** Starts OpenTelemetry for this process, and the metrics of the process itself. To be called once. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const collector = collectorAt(options);
  const spanProcessors = options.spanProcessors ?? collector.spanProcessors;
  const resource = resourceOf(options.service);
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: collector.logRecordProcessors,
    // Without any processor the SDK would not register itself, and trace ids would not travel.
    spanProcessors: spanProcessors.length === 0 ? [new NoopSpanProcessor()] : spanProcessors,
    // With nowhere to send spans, recording them would only cost time.
    ...(spanProcessors.length === 0 ? { sampler: new AlwaysOffSampler() } : {}),
  });
  sdk.start();
  if (collector.logRecordProcessors.length > 0) sendLogsTo(logs.getLogger("tripline"));
  // CPU, memory, descriptors, event loop and garbage collection.
  if (registry.getSingleMetric(PROCESS_CPU) === undefined) collectDefaultMetrics({ register: registry });
  tellResource(resource);
  return {
    async shutdown() {
      sendLogsTo(undefined);
      // What the collector does not take by now is lost, and said so above; the process still ends in order.
      const sent = sdk.shutdown().catch(() => undefined);
      await Promise.race([sent, delay(LAST_SEND_MS_MAX, undefined, { ref: false })]);
    },
  };
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

function collectorAt({ otlpEndpoint, log }: TelemetryOptions): {
  readonly spanProcessors: SpanProcessor[];
  readonly logRecordProcessors: LogRecordProcessor[];
} {
  if (otlpEndpoint === undefined) return { spanProcessors: [], logRecordProcessors: [] };
  const at = (path: string) => ({ url: `${otlpEndpoint.replace(/\/$/, "")}${path}`, timeoutMillis: SEND_MS_MAX });
  const bounds = { maxQueueSize: WAITING_MAX, maxExportBatchSize: BATCH_MAX, exportTimeoutMillis: SEND_MS_MAX };
  const spans = new CollectorExporter(new OTLPTraceExporter(at("/v1/traces")), "spans", log);
  const lines = new CollectorExporter(new OTLPLogExporter(at("/v1/logs")), "logs", log);
  return {
    spanProcessors: [new BatchSpanProcessor({ exporter: spans, ...bounds })],
    logRecordProcessors: [new BatchLogRecordProcessor({ exporter: lines, ...bounds })],
  };
}
