import { setTimeout as delay } from "node:timers/promises";
import { askRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";

/** The server looks at these in one go, about 0.4 ms. */
const KEYS_PER_PAGE = 500;

export interface KeyPage {
  /** Names that match. The same one may come twice. */
  readonly keys: readonly Buffer[];
  /** About how many keys the server looked at. */
  readonly looked: number;
  /** Cursor of the next page; "0" after the last one. */
  readonly cursor: string;
}

/** A look at the names of all keys for some items. */
export interface ItemScan {
  /**
   * How many of these items, from the first one on, a scan was for that has not ended.
   *
   * @throws TriplineError `redis-unavailable`
   */
  begun(items: readonly string[]): Promise<number>;
  /**
   * @param items what the scan is for; one that was interrupted is continued for the same items
   * @param match a pattern of Redis
   * @param handle gets the names of the keys of a page, and may get them again
   * @throws TriplineError `redis-unavailable`, `shutting-down`; what `handle` throws
   */
  run(items: readonly string[], match: string, handle: (keys: readonly Buffer[]) => Promise<void>): Promise<void>;
}

export interface ScanOptions {
  /** A pattern of Redis. */
  readonly match: string;
  /** Start cursor (default: the first key). */
  readonly cursor?: string;
  /** Which part of the time the server may be busy with it, from 0 to 1; as much as it takes unless given. */
  readonly share?: number;
  readonly signal?: AbortSignal;
}

/**
 * The names of all keys of a Redis that match, page by page. A key that is there from the start to the end is found.
 *
 * @throws TriplineError `redis-unavailable`; what the signal's reason is
 */
export async function* scanKeys(redis: Redis, options: ScanOptions): AsyncGenerator<KeyPage> {
  const { match, share = 1, signal } = options;
  let cursor = options.cursor ?? "0";
  do {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const [next, keys] = await askRedis(() => redis.scanBuffer(cursor, "MATCH", match, "COUNT", KEYS_PER_PAGE));
    const tookMs = performance.now() - startedAt;
    cursor = next.toString();
    yield { keys, looked: KEYS_PER_PAGE, cursor };
    if (cursor !== "0" && share < 1) await delay(tookMs * (1 / share - 1));
  } while (cursor !== "0");
}

/** For a command that nothing waits behind: it looks at all keys as fast as it can, and once. */
export function scanOnce(redis: Redis): ItemScan {
  return {
    begun: async () => 0,
    run: async (_items, match, handle) => {
      for await (const { keys } of scanKeys(redis, { match })) await handle(keys);
    },
  };
}
