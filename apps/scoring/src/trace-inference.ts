import type { Metadata } from "@grpc/grpc-js";
import type { Context } from "@opentelemetry/api";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import { contextFromHeaders } from "@tripline/service-kit/tracing";
import type { ScoreAnswer } from "./batch-requests.js";

/** Most payments of one request whose traces are followed; what comes after them is left out. */
const CONTEXTS_MAX = 512;

/** The trace contexts that a request belongs to: its caller's first, then those of its other payments. At least one. */
export function contextsFromMetadata(metadata: Metadata): Context[] {
  const own = metadata.get("traceparent").map(String);
  const others = metadata.get(INFERENCE_METADATA.traceparents).flatMap((value) => String(value).split(","));
  const traceparents = [...new Set([...own, ...others].map((value) => value.trim()))];
  const contexts = traceparents
    .slice(0, CONTEXTS_MAX)
    .map((traceparent) => contextFromHeaders({ traceparent }))
    .filter((context) => trace.getSpanContext(context) !== undefined);
  return contexts.length === 0 ? [ROOT_CONTEXT] : contexts;
}

/**
 * Makes the span of the run in every trace that it served. Made afterwards, with the times of the run, so that the time
 * in the queue is not part of it.
 */
export function traceRun(contexts: readonly Context[], answer: ScoreAnswer, modelVersion: string): void {
  const { run, queuedMs } = answer;
  const options = {
    startTime: run.startedMs,
    attributes: {
      "tripline.model.version": modelVersion,
      "tripline.run.rows": run.rows,
      "tripline.run.requests": run.requests,
      "tripline.queue.duration_ms": queuedMs,
      "tripline.inference.duration_ms": run.inferenceMs,
    },
  };
  const tracer = trace.getTracer("tripline");
  for (const context of contexts) tracer.startSpan("onnx run", options, context).end(run.endedMs);
}
