import type { Redis } from "ioredis";

export interface ValkeyMemory {
  readonly usedBytes: number;
  /** 0 if there is no limit. */
  readonly limitBytes: number;
  readonly keys: number;
}

/** Valkey's used memory and memory limit according to INFO; 0 for a value that it does not report. */
export async function readValkeyMemory(redis: Redis): Promise<ValkeyMemory> {
  const info = await redis.info("memory");
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  return { usedBytes: read("used_memory"), limitBytes: read("maxmemory"), keys: await redis.dbsize() };
}
