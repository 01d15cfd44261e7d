/** Time reserved for Redis, Kafka and the response to the caller, in milliseconds. */
export const AFTER_SCORING_MS = 20;

/** A batch that may wait longer than this sends a request even while the circuit breaker is open. */
export const HURRY_MS_MAX = 1_000;

/** A missing response counts as a failure of the scorer only after this many milliseconds. */
export const TELLING_WAIT_MS = 50;

/** Minimum time for a network call, in milliseconds. */
export const SCORING_MS_MIN = 2;

/**
 * Time for which a batch may wait for its scores, in milliseconds. Below `SCORING_MS_MIN`, there is no time for a
 * request.
 *
 * If callers are waiting, the scores must arrive before the latest of their deadlines. If no deadline remains, accuracy
 * matters more than speed, and the batch gets all of `waitMsMax`.
 *
 * @param deadlinesMs one per payment, milliseconds since the epoch; `undefined` for records without a deadline
 */
export function scoreBudgetMs(
  deadlinesMs: readonly (number | undefined)[],
  options: { readonly waitMsMax: number; readonly nowMs: number },
): number {
  const { waitMsMax, nowMs } = options;
  const waiting = deadlinesMs.filter((deadlineMs) => deadlineMs !== undefined && deadlineMs > nowMs);
  if (waiting.length === 0) return waitMsMax;
  const latestMs = waiting.reduce<number>((latest, deadlineMs) => Math.max(latest, deadlineMs ?? 0), 0);
  return Math.floor(Math.max(0, Math.min(waitMsMax, latestMs - nowMs - AFTER_SCORING_MS)));
}

/**
 * Time for which a batch may wait for explanations of its scores, in milliseconds. An explanation must not delay any
 * reply beyond its deadline, so the limit is the earliest deadline that can still be met.
 *
 * @param deadlinesMs one per payment, milliseconds since the epoch; `undefined` if nobody waits
 */
export function explanationBudgetMs(
  deadlinesMs: readonly (number | undefined)[],
  options: { readonly waitMsMax: number; readonly nowMs: number },
): number {
  const { waitMsMax, nowMs } = options;
  let budgetMs = waitMsMax;
  for (const deadlineMs of deadlinesMs) {
    if (deadlineMs === undefined || deadlineMs <= nowMs) continue;
    budgetMs = Math.min(budgetMs, deadlineMs - nowMs - AFTER_SCORING_MS);
  }
  return Math.floor(Math.max(0, budgetMs));
}
