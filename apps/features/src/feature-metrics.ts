import { counter, histogram } from "@tripline/service-kit/metrics";

/** Steps of a batch that are timed. */
export type Hop = "redis read" | "fold" | "redis compare-and-set" | "features publish";

/** Events of one batch by what was special about them. */
export interface FoldCounts {
  readonly duplicates: number;
  readonly tooLate: number;
  readonly incomplete: number;
}

const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** What features measures. Made after telemetry has started, or nothing would be recorded. */
export class FeatureMetrics {
  readonly #batchSize = histogram("tripline.features.batch.size", {
    unit: "{record}",
    description: "Records per batch, by topic",
    boundaries: BATCH_SIZES,
  });
  readonly #hopDuration = histogram("tripline.features.hop.duration", {
    unit: "ms",
    description: "Time that one step of a batch took",
  });
  readonly #conflicts = counter("tripline.features.conflicts", {
    unit: "{conflict}",
    description: "Batches that another writer's change made to be folded again",
  });
  readonly #duplicates = counter("tripline.features.duplicates", {
    unit: "{record}",
    description: "Payments and labels submitted more than once, which count once",
  });
  readonly #redelivered = counter("tripline.features.redelivered", {
    unit: "{record}",
    description: "Records that Kafka delivered again after they had been counted",
  });
  readonly #tooLate = counter("tripline.features.too_late", {
    unit: "{record}",
    description: "Payments and labels older than all windows of one of their entities",
  });
  readonly #incomplete = counter("tripline.features.incomplete", {
    unit: "{record}",
    description: "Payments and labels counted while the stored states were lost and not rebuilt",
  });

  batch(topic: string, records: number): void {
    this.#batchSize.record(records, { topic });
  }

  /** Runs work and records how long it took, whether it succeeded or not. */
  async timed<T>(hop: Hop, work: () => Promise<T> | T): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#hopDuration.record(performance.now() - startedAt, { hop });
    }
  }

  conflict(topic: string): void {
    this.#conflicts.add(1, { topic });
  }

  redelivered(topic: string, records: number): void {
    if (records > 0) this.#redelivered.add(records, { topic });
  }

  folded(topic: string, counts: FoldCounts): void {
    if (counts.duplicates > 0) this.#duplicates.add(counts.duplicates, { topic });
    if (counts.tooLate > 0) this.#tooLate.add(counts.tooLate, { topic });
    if (counts.incomplete > 0) this.#incomplete.add(counts.incomplete, { topic });
  }
}
