import type { IncomingMessage, ServerResponse } from "node:http";
import { trace } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { AlwaysOffSampler, BatchSpanProcessor, NoopSpanProcessor } from "@opentelemetry/sdk-trace";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions";
import { IdTracerProvider } from "./issue-trace-ids.js";
import { watchEventLoop } from "./watch-event-loop.js";

export interface Telemetry {
  shutdown(): Promise<void>;
}

export interface TelemetryOptions {
  readonly service: string;
  /** Base URL of an OTLP/HTTP collector. Without it no span is recorded, but trace ids still travel and are logged. */
  readonly otlpEndpoint?: string | undefined;
  /** Where finished spans go instead of a collector, for instance into a test's memory. */
  readonly spanProcessors?: SpanProcessor[];
}

// OpenTelemetry's API is process-wide by design, and so is what serves its metrics.
let prometheus: PrometheusExporter | undefined;

/** Starts OpenTelemetry for this process. To be called once, before the service's own modules make their meters. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const spanProcessors = options.spanProcessors ?? exportersFor(options.otlpEndpoint);
  const exporter = new PrometheusExporter({ preventServerStart: true });
  prometheus = exporter;
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: options.service }),
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [exporter],
    logRecordProcessors: [],
    // Without any processor the SDK would not register itself, and trace ids would not travel.
    spanProcessors: spanProcessors.length === 0 ? [new NoopSpanProcessor()] : spanProcessors,
    // With nowhere to send spans, recording them would only cost time.
    ...(spanProcessors.length === 0 ? { sampler: new AlwaysOffSampler() } : {}),
  });
  sdk.start();
  if (spanProcessors.length === 0) {
    trace.disable();
    trace.setGlobalTracerProvider(new IdTracerProvider());
  }
  const unwatchEventLoop = watchEventLoop();
  return {
    async shutdown() {
      prometheus = undefined;
      unwatchEventLoop();
      await sdk.shutdown();
    },
  };
}

/** Writes the metrics of this process in Prometheus' text format. */
export function serveMetrics(request: IncomingMessage, response: ServerResponse): void {
  if (prometheus === undefined) {
    response.writeHead(200, { "content-type": "text/plain" }).end("# telemetry is not started\n");
    return;
  }
  prometheus.getMetricsRequestHandler(request, response);
}

function exportersFor(otlpEndpoint: string | undefined): SpanProcessor[] {
  if (otlpEndpoint === undefined) return [];
  const exporter = new OTLPTraceExporter({ url: `${otlpEndpoint.replace(/\/$/, "")}/v1/traces` });
  return [new BatchSpanProcessor({ exporter, maxQueueSize: 8_192, maxExportBatchSize: 512 })];
}
