const S = 1_000;
const MINUTE = 60 * S;
const HOUR = 60 * MINUTE;

/** Wait after each failed attempt, about three days in total. */
const WAITS_MS = [
  ...[S, 5 * S, 30 * S, 2 * MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR],
  ...[5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 20 * HOUR],
];
/** Random share of a wait, so that retries do not all reach a receiver at the same time. */
const JITTER = 0.2;

/** How long an event is retried after it was stored. */
export const GIVE_UP_HOURS = 72;
/** After this many failed attempts (about eight minutes), later events with the same order key no longer wait. */
export const ATTEMPTS_IN_ORDER = 6;
/** The longest wait that a receiver can request with `Retry-After`. */
const RETRY_AFTER_MS_MAX = HOUR;

/** After this many consecutive failures, an endpoint gets only one request at a time. */
export const FAILURES_BEFORE_REST = 5;
const REST_MS_MAX = MINUTE;
/** An endpoint that accepts nothing for this long is paused. */
export const PAUSE_AFTER_HOURS = 72;

/**
 * @param attempts failed attempts, at least one
 * @param retryAfterMs wait that the receiver requested; 0 if it requested none
 * @returns milliseconds until the next attempt
 */
export function waitAfter(attempts: number, retryAfterMs: number, random: () => number = Math.random): number {
  const wait = WAITS_MS[Math.min(attempts, WAITS_MS.length) - 1] ?? HOUR;
  const spread = wait * (1 - JITTER / 2 + JITTER * random());
  return Math.round(Math.max(spread, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX)));
}

/**
 * The number of consecutive failures after a batch in which every delivery failed. Before the endpoint's first rest, a
 * batch raises the number to at most five. A restarting receiver fails a whole batch at once, which must not cause the
 * longest rest.
 */
export function failuresAfter(before: number, failed: number): number {
  return Math.max(before + 1, Math.min(before + failed, FAILURES_BEFORE_REST));
}

/** How long an endpoint rests after consecutive failures: a second at first, doubling each time up to a minute. */
export function restAfter(failures: number): number {
  if (failures < FAILURES_BEFORE_REST) return 0;
  return Math.min(S * 2 ** Math.min(failures - FAILURES_BEFORE_REST, 10), REST_MS_MAX);
}
