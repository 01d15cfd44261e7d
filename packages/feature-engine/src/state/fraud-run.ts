import { NEVER_MS } from "./no-time.js";

/**
 * Frauds of an entity that took place since the last payment that is known to have been genuine. As long as somebody
 * misuses a terminal, every label that arrives is a fraud; the first genuine payment after them ends the run. A fraud that
 * another entity explains is not part of the run: stolen cards pay at terminals that nobody misuses.
 */
export interface FraudRun {
  /** When the newest payment that is known to be genuine took place; `NEVER_MS` before the first. */
  genuineMs: number;
  /** When the first fraud of the run took place; `NEVER_MS` without a run. */
  beganMs: number;
  /** Frauds of the run. */
  count: number;
}

export function noRun(): FraudRun {
  return { genuineMs: NEVER_MS, beganMs: NEVER_MS, count: 0 };
}

/**
 * Adds a label of a payment.
 *
 * @param occurredAtMs when the payment took place
 * @param explained whether another entity explains it, should it be a fraud
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
