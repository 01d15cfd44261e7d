import { isSpanContextValid, trace } from "@opentelemetry/api";
import type { Logger } from "pino";
import { pino } from "pino";

export type { Logger } from "pino";

/** JSON lines on standard output; each names the trace it belongs to. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin() {
      const context = trace.getActiveSpan()?.spanContext();
      if (context === undefined || !isSpanContextValid(context)) return {};
      return { trace_id: context.traceId, span_id: context.spanId };
    },
  });
}
