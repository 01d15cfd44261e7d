import type { Redis } from "ioredis";

/** What one run cost. */
export interface Cost {
  readonly wallMs: number;
  /** CPU time of this process, user and system. */
  readonly nodeMs: number;
  /** CPU time of the Redis server, user and system. */
  readonly redisMs: number;
}

/** Runs work and says what it cost. */
export async function costOf(redis: Redis, work: () => Promise<void>): Promise<Cost> {
  const redisBefore = await redisCpuMs(redis);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const cpu = process.cpuUsage(cpuBefore);
  return { wallMs, nodeMs: (cpu.user + cpu.system) / 1_000, redisMs: (await redisCpuMs(redis)) - redisBefore };
}

/** CPU time of a Redis server since it started. */
export async function redisCpuMs(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  const seconds = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1] ?? 0);
  return (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1_000;
}

/** Median with the lowest and the highest value. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    low: at(0),
    high: at(sorted.length - 1),
  };
}

/** For instance `12.3 (11.9–13.1)`. */
export function printSpread({ median, low, high }: Spread, digits = 1): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
