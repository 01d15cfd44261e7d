import { metrics } from "@opentelemetry/api";
import { counter } from "./metrics.js";

/** Told of a consumer's work; fits the `observer` of `packages/kafka`. */
export interface ConsumerMetrics {
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: string): void;
  failing(topic: string, partition: number, sinceMs: number | undefined): void;
}

/** Lag and failure by partition, and dead letters by code, of one group. Made once per process, after telemetry has started. */
export function consumerMetrics(group: string): ConsumerMetrics {
  const waiting = new Map<string, { readonly labels: { topic: string; partition: number }; records: number }>();
  const lag = metrics.getMeter("tripline").createObservableGauge("tripline.kafka.lag", {
    unit: "{record}",
    description: "Records of a partition that wait, by the last fetch of it",
  });
  lag.addCallback((result) => {
    for (const { labels, records } of waiting.values()) result.observe(records, { group, ...labels });
  });
  const failures = new Map<
    string,
    { readonly labels: { topic: string; partition: number }; readonly sinceMs: number }
  >();
  const failing = metrics.getMeter("tripline").createObservableGauge("tripline.kafka.failing_seconds", {
    unit: "s",
    description: "How long the oldest records of a partition have failed and been tried again; absent where none do",
  });
  failing.addCallback((result) => {
    for (const { labels, sinceMs } of failures.values()) {
      result.observe((performance.now() - sinceMs) / 1_000, { group, ...labels });
    }
  });
  const deadLetters = counter("tripline.kafka.dead_letters", {
    unit: "{record}",
    description: "Records that could not be processed, by the code of their error",
  });
  return {
    lag(topic, partition, records) {
      const key = `${topic}/${partition}`;
      if (records === undefined) {
        waiting.delete(key);
        return;
      }
      const known = waiting.get(key);
      if (known === undefined) waiting.set(key, { labels: { topic, partition }, records });
      else known.records = records;
    },
    failing(topic, partition, sinceMs) {
      const key = `${topic}/${partition}`;
      if (sinceMs === undefined) failures.delete(key);
      else failures.set(key, { labels: { topic, partition }, sinceMs });
    },
    deadLetter: (topic, code) => deadLetters.add(1, { group, topic, code }),
  };
}
