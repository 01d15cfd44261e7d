import type { Context } from "@opentelemetry/api";
import { processSpan } from "./span-options.js";
import { withSpans } from "./tracing.js";

/** Records of one partition of a topic. */
export interface TracedBatch {
  readonly topic: string;
  readonly partition: number;
  /** One context per record. */
  readonly traces: readonly Context[];
}

/**
 * Handles batches of several partitions inside a span `process <topic>` per record, like `withSpans`.
 *
 * @param handle receives the contexts of each batch, one per record
 */
export function withProcessSpans<T>(
  group: string,
  batches: readonly TracedBatch[],
  handle: (contexts: readonly (readonly Context[])[]) => Promise<T>,
): Promise<T> {
  const [batch, ...rest] = batches;
  if (batch === undefined) return handle([]);
  const { topic, partition, traces } = batch;
  const settings = processSpan(topic, partition, traces.length, group);
  return withSpans(traces, `process ${topic}`, settings, (own) =>
    withProcessSpans(group, rest, (others) => handle([own, ...others])),
  );
}
