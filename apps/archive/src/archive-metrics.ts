import { counter, gauge, histogram } from "@tripline/service-kit/metrics";

const ROWS_PER_FLUSH = [1, 10, 100, 1_000, 10_000, 50_000, 100_000];

/** What archive measures. Made after telemetry has started, or nothing would be recorded. */
export class ArchiveMetrics {
  readonly #rows = counter("tripline.archive.rows", {
    unit: "{row}",
    description: "Rows added to the lake, by topic",
  });
  readonly #files = counter("tripline.archive.files", {
    unit: "{file}",
    description: "Files added to the lake, by topic",
  });
  readonly #flushRows = histogram("tripline.archive.flush.rows", {
    unit: "{row}",
    description: "Rows per entry of the log, by topic",
    boundaries: ROWS_PER_FLUSH,
  });
  readonly #flushDuration = histogram("tripline.archive.flush.duration", {
    unit: "ms",
    description: "Time from taking rows to having them in the lake, by topic",
  });
  readonly #overtaken = counter("tripline.archive.overtaken", {
    unit: "{flush}",
    description: "Flushes that another instance was faster with, by topic",
  });
  readonly #failed = counter("tripline.archive.failed", {
    unit: "{flush}",
    description: "Flushes that failed and are tried again, by topic",
  });
  readonly #missing = counter("tripline.archive.missing", {
    unit: "{record}",
    description: "Offsets that Kafka did not hold any more when they were to be archived, by topic",
  });

  flushed(topic: string, rows: number, files: number, startedAtMs: number): void {
    this.#rows.add(rows, { topic });
    this.#files.add(files, { topic });
    this.#flushRows.record(rows, { topic });
    this.#flushDuration.record(performance.now() - startedAtMs, { topic });
  }

  overtaken(topic: string): void {
    this.#overtaken.add(1, { topic });
  }

  failed(topic: string): void {
    this.#failed.add(1, { topic });
  }

  missing(topic: string, records: number): void {
    this.#missing.add(records, { topic });
  }
}

/** What all topics together hold at the moment. */
export function observeHeld(held: () => { readonly rows: number; readonly oldestAgeMs: number }): void {
  gauge("tripline.archive.held", { unit: "{row}", description: "Rows in memory, not in the lake yet" }, () => {
    return held().rows;
  });
  gauge("tripline.archive.held.age", { unit: "ms", description: "Age of the oldest row in memory" }, () => {
    return held().oldestAgeMs;
  });
}
