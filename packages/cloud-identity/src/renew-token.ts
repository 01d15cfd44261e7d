import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";

/** Something with a limited validity: a token, or the credentials that sign tokens. */
export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export interface Renewed<T extends Expiring> {
  readonly value: T;
  /** When a connection that uses this token should request the next one, which is well before this token expires. */
  readonly renewAtMs: number;
}

export interface RenewOptions {
  /** Attempts of `fetchOne` before the request counts as failed; 1 if `fetchOne` itself retries. */
  readonly attemptsMax?: number;
  readonly now?: () => number;
  /** How long callers wait for a renewal, measured from its start, while the old token is still valid. */
  readonly patienceMs?: number;
  /** The pause between two attempts. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/**
 * Maximum time before expiry at which renewal starts. Google's metadata server returns the old token until it has five
 * minutes left (https://docs.cloud.google.com/compute/docs/access/authenticate-workloads), so an earlier request would
 * be useless. Azure requires an open Redis connection to present a new token three minutes before expiry.
 */
const RENEW_BEFORE_MS_MAX = 225_000;
const ATTEMPTS_MAX_DEFAULT = 3;
const PAUSE_MS = 250;
/** Less than the timeout of a new connection, which is 3 s for Postgres. */
const PATIENCE_MS_DEFAULT = 1_000;
/** Pause between a failure and the next request, shared by all connections. */
const REST_MS = 1_000;

/**
 * Caches one token and renews it in its last quarter, with one request at a time for all callers. While renewal fails
 * or is slow, the old token is returned as long as it is valid.
 *
 * @param fetchOne fetches a new one, in bounded time
 * @returns a function to call for each use; it throws the error of `fetchOne` if there is no valid token
 */
export function renewing<T extends Expiring>(
  fetchOne: () => Promise<T>,
  {
    attemptsMax = ATTEMPTS_MAX_DEFAULT,
    now = Date.now,
    patienceMs = PATIENCE_MS_DEFAULT,
    pause = delay,
  }: RenewOptions = {},
): () => Promise<Renewed<T>> {
  let current: Renewed<T> | undefined;
  let underWay: { readonly next: Promise<Renewed<T>>; readonly patience: Promise<unknown> } | undefined;
  let failure: { readonly error: Error; readonly untilMs: number } | undefined;

  const attempt = async (): Promise<Renewed<T>> => {
    for (let attempts = 1; ; attempts += 1) {
      try {
        const value = await fetchOne();
        const lifetimeMs = value.expiresAtMs - now();
        return { value, renewAtMs: value.expiresAtMs - Math.min(RENEW_BEFORE_MS_MAX, lifetimeMs / 4) };
      } catch (thrown) {
        if (attempts >= attemptsMax) throw asTriplineError(thrown);
        await pause(PAUSE_MS * attempts);
      }
    }
  };

  const renew = async (): Promise<Renewed<T>> => {
    try {
      current = await attempt();
      failure = undefined;
      return current;
    } catch (thrown) {
      failure = { error: asTriplineError(thrown), untilMs: now() + REST_MS };
      throw failure.error;
    } finally {
      underWay = undefined;
    }
  };

  return async () => {
    const old = current;
    if (old !== undefined && now() < old.renewAtMs) return old;
    const isOldValid = old !== undefined && now() < old.value.expiresAtMs;
    if (failure !== undefined && now() < failure.untilMs) {
      if (isOldValid) return old;
      throw failure.error;
    }
    underWay ??= { next: renew(), patience: delay(patienceMs, undefined, { ref: false }) };
    const { next, patience } = underWay;
    if (!isOldValid) return next;
    return Promise.race([next.catch(() => old), patience.then(() => old)]);
  };
}
