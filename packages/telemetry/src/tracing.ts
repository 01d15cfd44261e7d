import type { Attributes, Context, Span } from "@opentelemetry/api";
import {
  context,
  INVALID_TRACEID,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { asTriplineError } from "@tripline/contracts/error-table";

// The provider is looked up for each use, because a test may install a different one between two services.
const tracer = () => trace.getTracer("tripline");

const SERVER_ERROR = 500;

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Default: the active context. */
  readonly parent?: Context;
}

/** Headers of an HTTP request, a Kafka record or a gRPC call. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The trace context in the headers of a record or request; an empty context if there is none. Only `traceparent` is
 * read: `tracestate` and `baggage` contain arbitrary data from the sender, and would be copied to every topic.
 */
export function contextFromHeaders({ traceparent }: Headers): Context {
  return typeof traceparent !== "string" ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
}

/** W3C `traceparent` of a context, by default the active one; empty if there is no trace. */
export function headersFromContext(from: Context = context.active()): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier;
}

/**
 * Runs work inside a span. An error marks the span with its code and is rethrown. Below an unrecorded span of this
 * process, no further span is created, so the work runs under the unrecorded span.
 */
export function withSpan<T>(
  name: string,
  options: SpanOptions,
  run: (span: Span, spanContext: Context) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const above = trace.getSpan(parent);
  // Returned without awaiting, because awaiting `run` here would cost two more promises for every step of every
  // request.
  if (options.parent === undefined && above !== undefined && isLeftOut(above)) return run(above, parent);
  const span = tracer().startSpan(name, spanSettings(options), parent);
  const inside = trace.setSpan(parent, span);
  return span.isRecording() ? record(span, options.kind, inside, run) : runUnder(span, inside, run);
}

async function record<T>(
  span: Span,
  kind: SpanKind | undefined,
  inside: Context,
  run: (span: Span, inside: Context) => Promise<T>,
): Promise<T> {
  try {
    return await runUnder(span, inside, run);
  } catch (error) {
    markFailed(span, kind, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Also converts a synchronous error of `run` to a rejection. */
function runUnder<T>(span: Span, inside: Context, run: (span: Span, inside: Context) => Promise<T>): Promise<T> {
  try {
    return context.with(inside, () => run(span, inside));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Runs batched work inside one span per payment, so that each payment's trace shows the work, although it was done for
 * many payments at the same time. The first context is active during `run`.
 *
 * @param parents one context per payment; unsampled contexts cost almost nothing
 */
export async function withSpans<T>(
  parents: readonly Context[],
  name: string,
  options: Omit<SpanOptions, "parent">,
  run: (contexts: readonly Context[]) => Promise<T>,
): Promise<T> {
  // An unrecorded trace stays unrecorded, because four unrecorded spans would cost as much as computing the features.
  if (parents.every(isUnsampled)) return context.with(parents[0] ?? context.active(), () => run(parents));
  const settings = spanSettings(options);
  const provider = tracer();
  const spans = parents.map((parent) => provider.startSpan(name, settings, parent));
  const contexts = spans.map((span, index) => contextWith(parents[index] ?? ROOT_CONTEXT, span));
  try {
    return await context.with(contexts[0] ?? context.active(), () => run(contexts));
  } catch (error) {
    for (const span of spans) markFailed(span, options.kind, error);
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}

/** Whether a context belongs to an unrecorded trace. A context without a trace may start a recorded one. */
function isUnsampled(parent: Context): boolean {
  const own = trace.getSpanContext(parent);
  return own !== undefined && (own.traceFlags & TraceFlags.SAMPLED) === 0;
}

/**
 * Whether this process started a span of this trace without recording it; if so, it records nothing below this span
 * either.
 */
function isLeftOut(span: Span): boolean {
  const own = span.spanContext();
  // This process's tracer creates either a valid trace id or the invalid one, so the digits need no check.
  return own.isRemote !== true && (own.traceFlags & TraceFlags.SAMPLED) === 0 && own.traceId !== INVALID_TRACEID;
}

/**
 * Creating a context is expensive compared with the work per payment, so no context is created for a span that adds
 * nothing to its parent.
 */
function contextWith(parent: Context, span: Span): Context {
  const own = span.spanContext();
  const addsNothing = own === trace.getSpanContext(parent) || !isSpanContextValid(own);
  return addsNothing ? parent : trace.setSpan(parent, span);
}

function spanSettings(options: Omit<SpanOptions, "parent">): { kind?: SpanKind; attributes?: Attributes } {
  return {
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
  };
}

function markFailed(span: Span, kind: SpanKind | undefined, thrown: unknown): void {
  // The message may contain client data, so the span gets only the code.
  const { code, row } = asTriplineError(thrown);
  span.setAttribute("error.type", code);
  // According to OpenTelemetry's conventions, rejecting an invalid request is not a server failure.
  if (kind === SpanKind.SERVER && row.httpStatus < SERVER_ERROR) return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

/** Marks a context's span as failed, if it is recorded and no thrown error marks it. */
export function failSpan(of: Context, code: string): void {
  const span = trace.getSpan(of);
  if (span?.isRecording() !== true) return;
  span.setAttribute("error.type", code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

const ANSWERED: Attributes = { "rpc.status_code": "OK" };

/** Sets the status of a completed gRPC call on its spans, one per payment. */
export function markAnswered(of: readonly Context[]): void {
  for (const one of of) describeSpan(one, () => ANSWERED);
}

/** Adds attributes to the span of a context, if the span is recorded. */
export function describeSpan(of: Context, describe: () => Attributes): void {
  const span = trace.getSpan(of);
  if (span?.isRecording() === true) span.setAttributes(describe());
}
