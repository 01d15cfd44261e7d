import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { CompactionRun, CompactionTimes } from "@tripline/lake/compact/compaction-run";
import type { Logger } from "@tripline/telemetry/logger";

/** Interval at which a worker checks whether another instance has compacted the lake. */
const LOOK_EVERY_MS = 60_000;
const MINUTE_MS = 60_000;
/** If no compaction has run yet, the first one waits until the system has started. */
const FIRST_MS_MAX = 600_000;

export interface CompactionWorkerOptions {
  /** 0 disables compactions. */
  readonly intervalMinutes: number;
  readonly logger: Pick<Logger, "info" | "warn">;
  times(): Promise<CompactionTimes>;
  /** Compacts the lake once. If the signal is aborted, it stops and throws. */
  run(signal: AbortSignal): Promise<CompactionRun>;
}

/**
 * Compacts the lake at an interval. Several workers may run, because each one waits until the last run by any of them
 * is old enough. If two start at the same moment, they duplicate work, and one of each pair of identical merges is
 * discarded.
 */
export class CompactionWorker {
  readonly #ending = new AbortController();
  readonly #startedAtMs = Date.now();
  #loop: Promise<void> = Promise.resolve();

  constructor(private readonly options: CompactionWorkerOptions) {}

  start(): void {
    if (this.options.intervalMinutes > 0) this.#loop = this.#follow(this.#ending.signal);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#loop;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { logger, run } = this.options;
    while (!signal.aborted) {
      try {
        const waitMs = (await this.#dueAtMs()) - Date.now();
        // Spreads the checks of instances that started together.
        if (waitMs > 0) await delay(Math.min(waitMs, LOOK_EVERY_MS) * (0.5 + Math.random()), undefined, { signal });
        else this.#report(await run(signal));
      } catch (thrown) {
        if (signal.aborted) return;
        const { code, message } = asTriplineError(thrown);
        logger.warn({ code }, `archive: cannot compact the lake: ${message}`);
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #dueAtMs(): Promise<number> {
    const { startedAtMs, endedAtMs } = await this.options.times();
    const intervalMs = this.options.intervalMinutes * MINUTE_MS;
    const last = Math.max(startedAtMs ?? 0, endedAtMs ?? 0);
    return last === 0 ? this.#startedAtMs + Math.min(intervalMs, FIRST_MS_MAX) : last + intervalMs;
  }

  #report({ failure, files, merged, rows, days_left, took_ms }: CompactionRun): void {
    const { logger } = this.options;
    if (failure !== null) logger.warn({ took_ms, days_left }, `archive: the lake is not fully compacted: ${failure}`);
    else if (files > 0) logger.info({ files, merged, rows, days_left, took_ms }, "archive: compacted the lake");
  }
}
