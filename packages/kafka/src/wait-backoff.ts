import { TriplineError } from "@tripline/contracts/error-table";

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Delay in milliseconds after failed attempt number `tries` (from 1): it doubles each time, up to the limit. */
export function backoffMs({ firstMs, maxMs }: Backoff, tries: number): number {
  return Math.min(maxMs, firstMs * 2 ** (tries - 1));
}

/** Resolves after `ms` or as soon as the signal is aborted, whichever comes first. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}

/** Whether the promise settled within `ms`. Ignores its outcome and handles a later rejection. */
export function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const settled = () => {
      clearTimeout(timer);
      resolve(true);
    };
    promise.then(settled, settled);
  });
}

/**
 * The result of a Kafka operation, if the operation completes by `deadlineMs` on the clock of `performance.now()`.
 *
 * @throws TriplineError `kafka-unavailable` otherwise
 */
export async function finishBy<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  if (await settlesWithin(Math.max(0, deadlineMs - performance.now()), work)) return work;
  throw new TriplineError("kafka-unavailable", "Kafka did not respond in time");
}
