import type { Logger as LogTarget } from "@opentelemetry/api";
import { context, SeverityNumber } from "@opentelemetry/api";

const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

let target: LogTarget | undefined;

/** Also sends the log lines of all loggers of this process to a collector; undefined stops this. */
export function sendLogsTo(collector: LogTarget | undefined): void {
  target = collector;
}

/** A line for standard output. The collector also gets the trace of the active context. */
export function sendLine(line: string): void {
  if (target === undefined) return;
  const { level, time, msg, trace_id: _trace, span_id: _span, ...attributes } = JSON.parse(line);
  target.emit({
    timestamp: Date.parse(time),
    severityText: level,
    severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
    body: msg ?? "",
    attributes,
    context: context.active(),
  });
}
