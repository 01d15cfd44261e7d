import type { ObservableResult } from "@opentelemetry/api";
import { metrics } from "@opentelemetry/api";
import { counter } from "./metrics.js";

/** Told of a consumer's work; fits the `observer` of `packages/kafka`. */
export interface ConsumerMetrics {
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: string): void;
  failing(topic: string, partition: number, sinceMs: number | undefined): void;
}

interface PartitionValue {
  readonly labels: { readonly group: string; readonly topic: string; readonly partition: number };
  value: number | undefined;
}

/**
 * The last value of each partition that had one, as many as the topics have. A partition without a value shows 0: a
 * series that is not observed any more would keep the last one for ever.
 */
class PartitionValues {
  readonly #values = new Map<string, PartitionValue>();

  constructor(private readonly group: string) {}

  set(topic: string, partition: number, value: number | undefined): void {
    const key = `${topic}/${partition}`;
    const known = this.#values.get(key);
    if (known !== undefined) known.value = value;
    else if (value !== undefined) this.#values.set(key, { labels: { group: this.group, topic, partition }, value });
  }

  observe(result: ObservableResult, shown: (value: number) => number): void {
    for (const { labels, value } of this.#values.values()) {
      result.observe(value === undefined ? 0 : shown(value), { ...labels });
    }
  }
}

/** Lag and failure by partition, and dead letters by code, of one group. Made once per process, after telemetry has started. */
export function consumerMetrics(group: string): ConsumerMetrics {
  const [waiting, failures] = [new PartitionValues(group), new PartitionValues(group)];
  const meter = metrics.getMeter("tripline");
  const lag = meter.createObservableGauge("tripline.kafka.lag", {
    unit: "{record}",
    description: "Records of a partition that wait, by the last fetch of it; 0 where another consumer has it now",
  });
  lag.addCallback((result) => waiting.observe(result, (records) => records));
  const failing = meter.createObservableGauge("tripline.kafka.failing_seconds", {
    unit: "s",
    description: "How long the oldest records of a partition have failed and been tried again",
  });
  failing.addCallback((result) => failures.observe(result, (sinceMs) => (performance.now() - sinceMs) / 1_000));
  const deadLetters = counter("tripline.kafka.dead_letters", {
    unit: "{record}",
    description: "Records that could not be processed, by the code of their error",
  });
  return {
    lag: (topic, partition, records) => waiting.set(topic, partition, records),
    failing: (topic, partition, sinceMs) => failures.set(topic, partition, sinceMs),
    deadLetter: (topic, code) => deadLetters.add(1, { group, topic, code }),
  };
}
