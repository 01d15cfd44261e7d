import { Redis } from "ioredis";

const KEYS_PER_ROUND_TRIP = 1_000;

/**
 * Stores states in an empty Redis, and removes them again.
 *
 * @returns the sum of MEMORY USAGE over all keys, in bytes
 */
export async function measureStates(redisUrl: string, states: ReadonlyMap<string, Uint8Array>): Promise<number> {
  const redis = new Redis(redisUrl);
  try {
    let bytes = 0;
    const entries = [...states];
    for (let from = 0; from < entries.length; from += KEYS_PER_ROUND_TRIP) {
      const pipeline = redis.pipeline();
      const some = entries.slice(from, from + KEYS_PER_ROUND_TRIP);
      for (const [key, value] of some) pipeline.set(key, Buffer.from(value));
      for (const [key] of some) pipeline.memory("USAGE", key, "SAMPLES", 0);
      const results = (await pipeline.exec()) ?? [];
      for (const [error, value] of results) {
        if (error !== null) throw error;
        if (typeof value === "number") bytes += value;
      }
    }
    await redis.flushdb();
    return bytes;
  } finally {
    redis.disconnect();
  }
}
