import { counter, gauge, histogram } from "@tripline/telemetry/metrics";

const MS_PER_S = 1_000;
const ROWS_PER_FLUSH = [1, 10, 100, 1_000, 10_000, 50_000, 100_000];

/** Metrics of the archive service. */
export class ArchiveMetrics {
  readonly #rows = counter("tripline_archive_rows_total", {
    description: "Rows added to the lake, by topic",
    labels: ["topic"],
  });
  readonly #files = counter("tripline_archive_files_total", {
    description: "Files added to the lake, by topic",
    labels: ["topic"],
  });
  readonly #flushRows = histogram("tripline_archive_flush_rows", {
    description: "Rows per flush, by topic",
    labels: ["topic"],
    buckets: ROWS_PER_FLUSH,
  });
  readonly #flushDuration = histogram("tripline_archive_flush_duration_seconds", {
    description: "Time taken to write a flush to the lake, by topic",
    labels: ["topic"],
  });
  readonly #overtaken = counter("tripline_archive_overtaken_total", {
    description: "Flushes that another instance committed first, by topic",
    labels: ["topic"],
  });
  readonly #failed = counter("tripline_archive_failed_total", {
    description: "Flushes that failed and are retried, by topic",
    labels: ["topic"],
  });
  readonly #missing = counter("tripline_archive_missing_total", {
    description: "Offsets that Kafka had deleted before they were archived, by topic",
    labels: ["topic"],
  });

  #lost = 0;

  flushed(topic: string, rows: number, files: number, startedAtMs: number): void {
    this.#rows.inc({ topic }, rows);
    this.#files.inc({ topic }, files);
    this.#flushRows.observe({ topic }, rows);
    this.#flushDuration.observe({ topic }, (performance.now() - startedAtMs) / MS_PER_S);
  }

  overtaken(topic: string): void {
    this.#overtaken.inc({ topic });
  }

  failed(topic: string): void {
    this.#failed.inc({ topic });
  }

  /** For the readiness report; undefined unless records were lost. */
  get note(): string | undefined {
    return this.#lost === 0 ? undefined : `records that Kafka had deleted before they were archived: ${this.#lost}`;
  }

  missing(topic: string, records: number): void {
    this.#lost += records;
    this.#missing.inc({ topic }, records);
  }
}

/** Exports the total size of the buffers of all topics. */
export function observeHeld(held: () => { readonly rows: number; readonly oldestAgeMs: number }): void {
  gauge("tripline_archive_held", { description: "Rows in memory, not in the lake yet" }, () => held().rows);
  gauge("tripline_archive_held_age_seconds", { description: "Age of the oldest row in memory" }, () => {
    return held().oldestAgeMs / MS_PER_S;
  });
}
