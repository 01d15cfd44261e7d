import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { RETRY_MS_MAX } from "./restore-progress.js";

const LOOK_EVERY_MS = 2_000;
/** After a failure, the next attempt waits for this time. The wait doubles with each further failure. */
const RETRY_MS = 5_000;

export interface RestoreWorkerOptions {
  readonly log: Pick<Logger, "info" | "warn">;
  /** Interval between checks. Default: 2,000 ms */
  readonly lookEveryMs?: number;
  /** Wait before the first retry. Default: 5,000 ms */
  readonly retryMs?: number;
  isLost(): Promise<boolean>;
  /**
   * Restores the states. If the signal is aborted, it stops and throws.
   *
   * @returns the reason why it failed, as the end of a sentence; undefined if it succeeded
   */
  run(signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Restores the window states when Redis has lost them. Several workers can run at once, but only one restore at a time
 * can pause features. The others fail, and their workers check again later.
 */
export class RestoreWorker {
  #lost = new AbortController();
  #isBlind = false;

  constructor(private readonly options: RestoreWorkerOptions) {}

  /** Runs until the signal is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    const { lookEveryMs = LOOK_EVERY_MS, retryMs = RETRY_MS } = this.options;
    let failures = 0;
    // At the first check after a loss, features may not yet be connected to Redis again.
    let losses = 0;
    while (!signal.aborted) {
      losses = (await this.#isLost()) ? losses + 1 : 0;
      if (losses === 0) this.#end();
      const isFailed = losses > 1 && !(await this.#restore(signal));
      failures = isFailed ? failures + 1 : 0;
      const waitMs = isFailed ? Math.min(RETRY_MS_MAX, retryMs * 2 ** (failures - 1)) : lookEveryMs;
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /**
   * Runs work while no states are lost. A loss aborts the work, because a restore needs the memory that the work uses.
   *
   * @throws TriplineError `state-incomplete`; the signal's reason; any error of the work
   */
  async whileComplete<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#lost.signal.throwIfAborted();
    return work(AbortSignal.any([signal, this.#lost.signal]));
  }

  /** Also false while Redis or Kafka is unavailable. */
  async #isLost(): Promise<boolean> {
    try {
      const isLost = await this.options.isLost();
      this.#isBlind = false;
      return isLost;
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (!this.#isBlind) this.options.log.warn({ code }, `cannot check whether window states were lost: ${message}`);
      this.#isBlind = true;
      return false;
    }
  }

  /** @returns whether it succeeded */
  async #restore(signal: AbortSignal): Promise<boolean> {
    const { log, run } = this.options;
    this.#lost.abort(new TriplineError("state-incomplete", "Redis has lost the window states."));
    log.warn({ code: "state-incomplete" }, "Redis has lost the window states: restoring them from the lake");
    const startedAtMs = Date.now();
    const failure = await run(signal).catch((thrown: unknown) => asTriplineError(thrown).message);
    if (signal.aborted) return true;
    if (failure === undefined) log.info({ took_ms: Date.now() - startedAtMs }, "the window states are restored");
    else log.warn({ code: "state-incomplete" }, `the window states could not be restored yet: ${failure}`);
    return failure === undefined;
  }

  #end(): void {
    if (this.#lost.signal.aborted) this.#lost = new AbortController();
  }
}
