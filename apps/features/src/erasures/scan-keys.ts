import { setTimeout as delay } from "node:timers/promises";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";

/** Number of keys that the server scans at a time, in about 0.4 ms. */
const KEYS_PER_PAGE = 500;

export interface KeyPage {
  /** Matching names. A name may occur twice. */
  readonly keys: readonly Buffer[];
  /** Approximate number of keys that the server scanned. */
  readonly looked: number;
  /** Cursor of the next page; "0" after the last one. */
  readonly cursor: string;
}

/** A scan of all key names on behalf of some items. */
export interface ItemScan {
  /**
   * Number of items, counted from the first one, for which an unfinished scan was started.
   *
   * @throws TriplineError `redis-unavailable`
   */
  begun(items: readonly string[]): Promise<number>;
  /**
   * @param items the items for which to scan; an interrupted scan continues for the same items
   * @param match a Redis pattern
   * @param handle receives the key names of a page, possibly more than once
   * @throws TriplineError `redis-unavailable`, `shutting-down`; any error of `handle`
   */
  run(items: readonly string[], match: string, handle: (keys: readonly Buffer[]) => Promise<void>): Promise<void>;
}

export interface ScanOptions {
  /** Redis pattern for the key names. */
  readonly match: string;
  /** Start cursor (default: the first key). */
  readonly cursor?: string;
  /** Maximum share of the server's time, from 0 to 1. Default: unlimited */
  readonly share?: number;
  readonly signal?: AbortSignal;
}

/**
 * The names of all matching keys of a Redis, page by page. Includes every key that exists from start to end.
 *
 * @throws TriplineError `redis-unavailable`; the signal's reason
 */
export async function* scanKeys(redis: Redis, options: ScanOptions): AsyncGenerator<KeyPage> {
  const { match, share = 1, signal } = options;
  let cursor = options.cursor ?? "0";
  do {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const [next, keys] = await requestRedis(() => redis.scanBuffer(cursor, "MATCH", match, "COUNT", KEYS_PER_PAGE));
    const tookMs = performance.now() - startedAt;
    cursor = next.toString();
    yield { keys, looked: KEYS_PER_PAGE, cursor };
    if (cursor !== "0" && share < 1) await delay(tookMs * (1 / share - 1));
  } while (cursor !== "0");
}

/** For a command that nothing waits for: scans all keys once, as fast as possible. */
export function scanOnce(redis: Redis): ItemScan {
  return {
    begun: async () => 0,
    run: async (_items, match, handle) => {
      for await (const { keys } of scanKeys(redis, { match })) await handle(keys);
    },
  };
}
