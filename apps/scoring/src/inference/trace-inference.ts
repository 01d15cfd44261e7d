import type { Context } from "@opentelemetry/api";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { contextFromHeaders } from "@tripline/telemetry/tracing";
import type { ServedModel } from "../models/served-model.js";
import type { ScoreAnswer } from "./request-batcher.js";

/** Maximum number of payments per request whose traces are continued; further ones are omitted. */
const CONTEXTS_MAX = 512;

/**
 * The trace contexts of a request: its caller's first, then those of its payments. At least one.
 *
 * @param carried the caller's traceparent
 * @param listed the traceparents of its payments, comma-separated
 */
export function contextsFromHeaders(carried: string | undefined, listed: string | undefined): Context[] {
  if (carried === undefined && listed === undefined) return [ROOT_CONTEXT];
  const traceparents = [...new Set([carried, listed].flatMap((value) => (value === undefined ? [] : split(value))))];
  const contexts = traceparents
    .slice(0, CONTEXTS_MAX)
    .map((traceparent) => contextFromHeaders({ traceparent }))
    .filter((context) => trace.getSpanContext(context) !== undefined);
  return contexts.length === 0 ? [ROOT_CONTEXT] : contexts;
}

function split(list: string): string[] {
  return list.split(",").map((item) => item.trim());
}

type Traced = Pick<ServedModel, "manifest" | "providers">;

/**
 * Adds the run as a span to the trace of every request in it. Created after the run with its start and end, so that it
 * excludes the time in the queue.
 */
export function traceRun(contexts: readonly Context[], answer: ScoreAnswer, model: Traced): void {
  if (!contexts.some((context) => trace.getSpan(context)?.isRecording())) return;
  const { run, queuedMs } = answer;
  const { manifest, providers } = model;
  const options = {
    startTime: run.startedMs,
    attributes: {
      "tripline.model.name": manifest.name,
      "tripline.model.version": manifest.version,
      "tripline.model.execution_providers": providers.join(","),
      "tripline.run.rows": run.rows,
      "tripline.run.requests": run.requests,
      "tripline.queue.duration_ms": queuedMs,
      "tripline.inference.duration_ms": run.inferenceMs,
      ...(run.explanationMs > 0 ? { "tripline.explanation.duration_ms": run.explanationMs } : {}),
    },
  };
  const tracer = trace.getTracer("tripline");
  for (const context of contexts) tracer.startSpan("onnx run", options, context).end(run.endedMs);
}
