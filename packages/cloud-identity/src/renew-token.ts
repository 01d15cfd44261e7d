import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";

/** Something that is valid for a while: a token, or the credentials that tokens are signed with. */
export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export interface Renewed<T extends Expiring> {
  readonly value: T;
  /** When a connection that uses it should ask for the next one: well before it expires. */
  readonly renewAtMs: number;
}

export interface RenewOptions {
  /** How often `fetchOne` is tried before it counts as failed; 1 where it tries again by itself. */
  readonly attemptsMax?: number;
  readonly now?: () => number;
  /** How long a caller waits for the next one, from when it is asked for, while the old one is valid. */
  readonly patienceMs?: number;
  /** Waits between two attempts. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/**
 * Longest time before the end at which a new one is asked for. Google's metadata server hands out the old token until it
 * has five minutes left (https://docs.cloud.google.com/compute/docs/access/authenticate-workloads), so asking sooner
 * brings nothing, and Azure wants an open Redis connection to show a new one three minutes before the end.
 */
const RENEW_BEFORE_MS_MAX = 225_000;
const ATTEMPTS_MAX_DEFAULT = 3;
const PAUSE_MS = 250;
/** Below what a new connection may take, 3 s for Postgres. */
const PATIENCE_MS_DEFAULT = 1_000;
/** Pause after a failure before the next request, for any number of connections. */
const REST_MS = 1_000;

/**
 * Keeps one token and renews it in its last quarter. There is one request at a time for all callers. While renewal
 * fails or takes long, the old one is returned while it is valid.
 *
 * @param fetchOne asks for a new one, in bounded time
 * @returns what to call for each use; throws what `fetchOne` threw when there is no valid one
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
