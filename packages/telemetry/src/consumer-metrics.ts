import { counter, labelledGauge } from "./metrics.js";

/** Observes a consumer; matches the `observer` of `packages/kafka`. */
export interface ConsumerMetrics {
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: string): void;
  failing(topic: string, partition: number, sinceMs: number | undefined): void;
}

const PARTITION_LABELS = ["group", "topic", "partition"] as const;

/** The last value of each partition that has one; limited by the number of partitions. */
class PartitionValues {
  readonly #values = new Map<string, { readonly topic: string; readonly partition: number; value: number }>();

  set(topic: string, partition: number, value: number | undefined): void {
    const key = `${topic}/${partition}`;
    const known = this.#values.get(key);
    if (value === undefined) this.#values.delete(key);
    else if (known === undefined) this.#values.set(key, { topic, partition, value });
    else known.value = value;
  }

  read(group: string, shown: (value: number) => number) {
    return [...this.#values.values()].map(
      ({ topic, partition, value }) => [shown(value), { group, topic, partition }] as const,
    );
  }
}

/** Lag and failure by partition, and dead letters by code, for one group. Created once per process. */
export function consumerMetrics(group: string): ConsumerMetrics {
  const [waiting, failures] = [new PartitionValues(), new PartitionValues()];
  labelledGauge(
    "tripline_kafka_lag",
    {
      description:
        "Unread records of a partition, as of its last fetch; absent if the partition is assigned to another consumer",
      labels: PARTITION_LABELS,
    },
    () => waiting.read(group, (records) => records),
  );
  labelledGauge(
    "tripline_kafka_failing_seconds",
    {
      description: "How long the oldest failing records of a partition have been retried",
      labels: PARTITION_LABELS,
    },
    () => failures.read(group, (sinceMs) => (performance.now() - sinceMs) / 1_000),
  );
  const deadLetters = counter("tripline_kafka_dead_letters_total", {
    description: "Records that could not be processed, by error code",
    labels: ["group", "topic", "code"],
  });
  return {
    lag: (topic, partition, records) => waiting.set(topic, partition, records),
    failing: (topic, partition, sinceMs) => failures.set(topic, partition, sinceMs),
    deadLetter: (topic, code) => deadLetters.inc({ group, topic, code }),
  };
}
