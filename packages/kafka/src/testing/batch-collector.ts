import { TriplineError } from "@tripline/contracts/error-table";
import type { IncomingRecord, RecordBatch } from "../port.js";

const COLLECT_MS_MAX = 120_000;

/** Collects the batches that a consumer handled, and can wait for them. */
export class BatchCollector {
  readonly batches: RecordBatch[] = [];
  /** Maximum number of batches of one partition that were handled concurrently. */
  overlapMax = 0;
  readonly #running = new Map<string, number>();
  readonly #watchers = new Set<() => void>();

  /** @param work what the handler does with a batch; the batch counts only once this is done */
  constructor(private readonly work: (batch: RecordBatch) => void | Promise<void> = () => {}) {}

  get records(): readonly IncomingRecord[] {
    return this.batches.flatMap(({ records }) => records);
  }

  readonly handle = async (batches: readonly RecordBatch[]): Promise<void> => {
    for (const batch of batches) await this.#handleOne(batch);
  };

  async #handleOne(batch: RecordBatch): Promise<void> {
    const key = `${batch.topic}/${batch.partition}`;
    const running = (this.#running.get(key) ?? 0) + 1;
    this.#running.set(key, running);
    this.overlapMax = Math.max(this.overlapMax, running);
    try {
      await this.work(batch);
      this.batches.push(batch);
    } finally {
      this.#running.set(key, running - 1);
      for (const watch of this.#watchers) watch();
    }
  }

  /** Resolves once the condition is true. Checks it after each handled or failed batch. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        settle();
      };
      const watch = () => {
        if (condition()) finish(resolve);
      };
      const timer = setTimeout(() => {
        const detail = `not received after ${COLLECT_MS_MAX} ms and ${this.records.length} records: ${what}`;
        finish(() => reject(new TriplineError("deadline-exceeded", detail)));
      }, COLLECT_MS_MAX);
      this.#watchers.add(watch);
    });
  }

  async untilRecords(count: number): Promise<void> {
    await this.until(() => this.records.length >= count, `${count} records`);
  }
}
