import { setTimeout as delay } from "node:timers/promises";
import { logs } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BatchLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { CollectorExporter } from "./collector-exporter.js";
import { describeProcess } from "./describe-process.js";
import type { Telemetry } from "./local-telemetry.js";
import { startLocalTelemetry } from "./local-telemetry.js";
import type { Logger } from "./logger.js";
import { sendLogsTo } from "./send-logs.js";

export type { Telemetry } from "./local-telemetry.js";

export interface TelemetryOptions {
  /** The service's name, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` sets a different name. */
  readonly service: string;
  /** `deployment.environment.name`, such as `production`, unless `OTEL_RESOURCE_ATTRIBUTES` sets a different one. */
  readonly environment?: string | undefined;
  /**
   * Base URL of an OTLP/HTTP collector for spans and logs. Without a collector, spans are not recorded, but trace ids
   * are still propagated and logged.
   */
  readonly otlpEndpoint?: string | undefined;
  /** Logs when the collector becomes unavailable, and when it is available again. */
  readonly log?: Logger;
  /** Replaces the collector as the destination of finished spans, for example in tests. */
  readonly spanProcessors?: SpanProcessor[];
}

/** Maximum number of spans, or of log lines, that are queued for the collector; further ones are dropped. */
const WAITING_MAX = 8_192;
const BATCH_MAX = 512;
/** Timeout for sending a batch, including retries. */
const SEND_MS_MAX = 5_000;
/** How long shutdown waits for the collector. */
const LAST_SEND_MS_MAX = 2_000;

/** Starts OpenTelemetry for this process, and the process metrics. Call it once. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  if (options.otlpEndpoint === undefined && options.spanProcessors === undefined) {
    return startLocalTelemetry(options.service, options.environment);
  }
  const collector = collectorAt(options);
  const sdk = new NodeSDK({
    resource: describeProcess(options.service, options.environment),
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: collector.logRecordProcessors,
    spanProcessors: options.spanProcessors ?? collector.spanProcessors,
  });
  sdk.start();
  if (collector.logRecordProcessors.length > 0) sendLogsTo(logs.getLogger("tripline"));
  return {
    async shutdown() {
      sendLogsTo(undefined);
      // Unsent data is lost, which was logged above; the process still shuts down cleanly.
      const sent = sdk.shutdown().catch(() => undefined);
      await Promise.race([sent, delay(LAST_SEND_MS_MAX, undefined, { ref: false })]);
    },
  };
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
