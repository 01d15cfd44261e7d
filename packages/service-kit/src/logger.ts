import type { LoggerService } from "@nestjs/common";
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

/** Nest's own messages in the service's log: start-up chatter at debug level. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown) => logger.debug(String(message)),
    debug: (message: unknown) => logger.debug(String(message)),
    verbose: (message: unknown) => logger.trace(String(message)),
    warn: (message: unknown) => logger.warn(String(message)),
    error: (message: unknown, ...rest: unknown[]) => logger.error({ details: rest.map(String) }, String(message)),
    fatal: (message: unknown, ...rest: unknown[]) => logger.fatal({ details: rest.map(String) }, String(message)),
  };
}
