import type { Context, Span, SpanOptions, Tracer } from "@opentelemetry/api";
import { context, isSpanContextValid, TraceFlags, trace } from "@opentelemetry/api";
import { RandomIdGenerator } from "@opentelemetry/sdk-trace";

const ids = new RandomIdGenerator();

/**
 * Creates spans that have only ids, in the parent's trace. The SDK would prepare each span for a sampler that then
 * rejects it.
 */
export class UnrecordedTracer implements Tracer {
  startSpan(_name: string, _options?: SpanOptions, parent: Context = context.active()): Span {
    const above = trace.getSpanContext(parent);
    const traceId = above !== undefined && isSpanContextValid(above) ? above.traceId : ids.generateTraceId();
    return trace.wrapSpanContext({ traceId, spanId: ids.generateSpanId(), traceFlags: TraceFlags.NONE });
  }

  startActiveSpan<F extends (span: Span) => ReturnType<F>>(
    name: string,
    ...rest: [run: F] | [options: SpanOptions, run: F] | [options: SpanOptions, parent: Context, run: F]
  ): ReturnType<F> {
    const parent = rest.length === 3 ? rest[1] : context.active();
    const run = rest.length === 3 ? rest[2] : rest.length === 2 ? rest[1] : rest[0];
    const span = this.startSpan(name, {}, parent);
    return context.with(trace.setSpan(parent, span), () => run(span));
  }
}
