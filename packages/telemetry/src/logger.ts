import { isSpanContextValid, trace } from "@opentelemetry/api";
import type { Logger } from "pino";
import { pino } from "pino";
import { sendLine } from "./send-logs.js";

export type { Logger } from "pino";

/** JSON lines on standard output, and to the collector if there is one, with trace ids. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: {
      streamWrite(line) {
        sendLine(line);
        return line;
      },
    },
    mixin() {
      const context = trace.getActiveSpan()?.spanContext();
      if (context === undefined || !isSpanContextValid(context)) return {};
      return { trace_id: context.traceId, span_id: context.spanId };
    },
  });
}
