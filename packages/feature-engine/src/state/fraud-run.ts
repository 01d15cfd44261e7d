import { NEVER_MS } from "./no-time.js";

/**
 * Frauds of an entity since the last payment known to be genuine. While a terminal is misused, every arriving label is
 * a fraud; the first genuine payment after them ends the run. A fraud explained by another entity does not count,
 * because stolen cards are also used at terminals that nobody misuses.
 */
export interface FraudRun {
  /** Time of the newest payment known to be genuine; `NEVER_MS` before the first. */
  genuineMs: number;
  /** Time of the first fraud of the run; `NEVER_MS` if there is no run. */
  beganMs: number;
  /** Number of frauds in the run. */
  count: number;
}

export function noRun(): FraudRun {
  return { genuineMs: NEVER_MS, beganMs: NEVER_MS, count: 0 };
}

/**
 * Adds a label of a payment.
 *
 * @param occurredAtMs when the payment took place
 * @param explained whether another entity explains it, if it is a fraud
 */
export function addLabel(run: FraudRun, occurredAtMs: number, fraud: boolean, explained: boolean): void {
  if (fraud) {
    if (explained || occurredAtMs <= run.genuineMs) return;
    run.beganMs = run.count === 0 ? occurredAtMs : Math.min(run.beganMs, occurredAtMs);
    run.count += 1;
    return;
  }
  run.genuineMs = Math.max(run.genuineMs, occurredAtMs);
  if (run.count === 0 || occurredAtMs < run.beganMs) return;
  run.beganMs = NEVER_MS;
  run.count = 0;
}
