import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { SnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import type { Logger } from "@tripline/telemetry/logger";
import { dueAtMs } from "./snapshot-schedule.js";

/** Interval at which the worker checks whether another process has taken a snapshot. */
const LOOK_EVERY_MS = 60_000;

export interface SnapshotWorkerOptions {
  /** 0 disables snapshots. */
  readonly intervalHours: number;
  readonly log: Pick<Logger, "info" | "warn">;
  /** The time of the newest snapshot; undefined if there is none. */
  newestAtMs(): Promise<number | undefined>;
  /** Takes a snapshot. If the signal is aborted, it stops and throws. */
  run(signal: AbortSignal): Promise<SnapshotRun>;
}

/**
 * Takes snapshots at an interval, one after the other. Several workers can run at once, because each one waits until
 * the newest snapshot is old enough.
 */
export class SnapshotWorker {
  readonly #startedAtMs = Date.now();
  #failedAtMs: number | undefined;

  constructor(private readonly options: SnapshotWorkerOptions) {}

  /** Takes snapshots until the signal is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    const { intervalHours, log } = this.options;
    if (intervalHours === 0) log.info("snapshots are disabled");
    while (!signal.aborted) {
      const waitMs = intervalHours === 0 ? LOOK_EVERY_MS : await this.#waitMs();
      if (waitMs === 0) await this.#take(signal);
      else await delay(Math.min(waitMs, LOOK_EVERY_MS), undefined, { signal }).catch(() => {});
    }
  }

  async #waitMs(): Promise<number> {
    const { intervalHours, newestAtMs, log } = this.options;
    try {
      const facts = { newestAtMs: await newestAtMs(), startedAtMs: this.#startedAtMs, failedAtMs: this.#failedAtMs };
      return Math.max(0, dueAtMs(intervalHours, facts) - Date.now());
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      log.warn({ code }, message);
      return LOOK_EVERY_MS;
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { log, run } = this.options;
    try {
      const { failure, took_ms, states, events } = await run(signal);
      this.#failedAtMs = failure === null ? undefined : Date.now();
      if (failure === null) log.info({ took_ms, states, events }, "snapshot taken");
      else log.warn({ took_ms }, `no snapshot taken: ${failure}`);
    } catch (thrown) {
      if (signal.aborted) return;
      this.#failedAtMs = Date.now();
      const { code, message } = asTriplineError(thrown);
      log.warn({ code }, `no snapshot taken: ${message}`);
    }
  }
}
