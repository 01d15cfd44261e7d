import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { z } from "zod";

/** Redis key with the progress of a restore of the window states. It expires if the restore dies. */
export const RESTORE_KEY = "state-restore";

const EXPIRY_MS = 60_000;
/**
 * Longest wait before a failed attempt is repeated. Each attempt pauses features while it counts, and some failures
 * can only be resolved by a person.
 */
export const RETRY_MS_MAX = 1_800_000;
const FAILURE_EXPIRY_MS = RETRY_MS_MAX + 600_000;

const stored = z.union([
  z.object({ share: z.number().min(0).max(1), leftSeconds: z.number().min(0).nullable() }),
  z.object({ failure: z.string() }),
]);

/** How much of a restore is done and how long the remainder takes, if known; or the error code of the last attempt. */
export type RestoreProgress = z.infer<typeof stored>;

/** @throws TriplineError `redis-unavailable` */
export async function writeProgress(redis: Pick<Redis, "set">, progress: RestoreProgress): Promise<void> {
  const expiryMs = "failure" in progress ? FAILURE_EXPIRY_MS : EXPIRY_MS;
  await requestRedis(() => redis.set(RESTORE_KEY, JSON.stringify(progress), "PX", expiryMs));
}

/** @throws TriplineError `redis-unavailable` */
export async function clearProgress(redis: Pick<Redis, "del">): Promise<void> {
  await requestRedis(() => redis.del(RESTORE_KEY));
}

/** Undefined if no restore is running, or this version cannot read its progress. @throws TriplineError `redis-unavailable` */
export async function readProgress(redis: Pick<Redis, "get">): Promise<RestoreProgress | undefined> {
  const text = await requestRedis(() => redis.get(RESTORE_KEY));
  if (text === null) return undefined;
  try {
    return stored.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
