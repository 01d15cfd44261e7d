import { metrics } from "@opentelemetry/api";
import { counter } from "./metrics.js";

/** Told of a consumer's work; fits the `observer` of `packages/kafka`. */
export interface ConsumerMetrics {
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: string): void;
}

/** Lag by partition, and dead letters by code, of one group. Made once per process, after telemetry has started. */
export function consumerMetrics(group: string): ConsumerMetrics {
  const waiting = new Map<string, { readonly labels: { topic: string; partition: number }; records: number }>();
  const lag = metrics.getMeter("tripline").createObservableGauge("tripline.kafka.lag", {
    unit: "{record}",
    description: "Records of a partition that wait, by the last fetch of it",
  });
  lag.addCallback((result) => {
    for (const { labels, records } of waiting.values()) result.observe(records, { group, ...labels });
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
    deadLetter: (topic, code) => deadLetters.add(1, { group, topic, code }),
  };
}
