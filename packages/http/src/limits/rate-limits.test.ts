import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { registry } from "@tripline/telemetry/metrics";
import type { Redis } from "ioredis";
import { z } from "zod";
import { problemHeaders } from "../problem.js";
import { rateConfig } from "./rate-config.js";
import { RateLimited } from "./rate-limited.js";
import { RateLimits } from "./rate-limits.js";

const PER_SECOND = 10;
const BUDGET = PER_SECOND * 10;
/** How much an instance may allow beyond the budget: a part that is being fetched. */
const PART = BUDGET / 50;

let redis: Redis;

beforeAll(async () => {
  redis = connectRedis((await testStack()).redisUrl, undefined, REDIS_PATIENCE_MS);
  await awaitRedis(redis);
});

afterAll(() => redis.disconnect());

const settings = z.object(rateConfig({ tenant: 0, client: 0, unit: "events" }));
const config = (changes: Record<string, unknown>) => settings.parse(changes);

let callers = 0;
/** A caller with an unused budget. */
function newCaller() {
  callers += 1;
  return { tenant: `t${callers}-${process.pid}`, subject: "shop" };
}

/** Spends one at a time, as requests do, until one is rejected. */
async function spendAll(limits: readonly RateLimits[], caller: ReturnType<typeof newCaller>, most = 1_000) {
  let spent = 0;
  for (; spent < most; spent += 1) {
    try {
      limits[spent % limits.length]?.spend(caller, 1);
    } catch (error) {
      if (error instanceof RateLimited) return { spent, error };
      throw error;
    }
    // Redis has answered all calls before the next request.
    await redis.ping().catch(() => undefined);
  }
  return { spent, error: undefined };
}

test("a client shares its budget across all instances, and then gets 429 with Retry-After", async () => {
  const caller = newCaller();
  const instances = [1, 2, 3].map(() => new RateLimits(config({ RATE_LIMIT_CLIENT: PER_SECOND }), redis));
  const { spent, error } = await spendAll(instances, caller);
  expect(spent).toBeGreaterThanOrEqual(BUDGET - 3 * PART);
  expect(spent).toBeLessThanOrEqual(BUDGET + 3 * PART);
  expect(error?.row.httpStatus).toBe(429);
  const headers = problemHeaders(error as RateLimited);
  expect(headers).toMatchObject({
    "retry-after": expect.stringMatching(/^([1-9]|10)$/),
    "ratelimit-policy": '"client";q=100;w=10',
    ratelimit: expect.stringMatching(/^"client";r=0;t=([1-9]|10)$/),
  });
  await expect(registry.getSingleMetricAsString("tripline_rate_limited_total")).resolves.toContain('budget="client"');
});

test("clients of a tenant share its budget, and another tenant has its own", async () => {
  const caller = newCaller();
  const limits = new RateLimits(config({ RATE_LIMIT_TENANT: PER_SECOND }), redis);
  await spendAll([limits], caller);
  expect(() => limits.spend({ ...caller, subject: "other" }, 1)).toThrow(
    "The rate limit of this tenant is 10 per second",
  );
  expect(() => limits.spend(newCaller(), 1)).not.toThrow();
});

test("an exception applies only to its tenant or client", async () => {
  const { tenant } = newCaller();
  const exceptions = `${tenant}=0, ${tenant}/shop=${PER_SECOND}`;
  const limits = new RateLimits(config({ RATE_LIMIT_TENANT: 1, RATE_LIMIT_EXCEPTIONS: exceptions }), redis);
  const other = await spendAll([limits], { tenant, subject: "other" }, 2 * BUDGET);
  expect(other.error).toBeUndefined();
  const shop = await spendAll([limits], { tenant, subject: "shop" }, 2 * BUDGET);
  expect(shop.spent).toBeLessThanOrEqual(BUDGET + PART);
});

test("a batch over the budget must be paid off before the next request", async () => {
  const caller = newCaller();
  let nowMs = 1_000_000;
  const limits = new RateLimits(config({ RATE_LIMIT_CLIENT: PER_SECOND }), undefined, () => nowMs);
  limits.spend(caller, 3 * BUDGET);
  await new Promise((resolve) => setImmediate(resolve));
  expect(() => limits.spend(caller, 1)).toThrow(RateLimited);
  nowMs += 11_000;
  // Two more budgets are owed: the window in Redis or memory uses the real clock, so it is still the first one.
  limits.spend(caller, 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(() => limits.spend(caller, 1)).toThrow(RateLimited);
});

test("without Redis each instance has the full budget, and reports it", async () => {
  const away = connectRedis("redis://127.0.0.1:1", undefined, 50);
  try {
    const limits = new RateLimits(config({ RATE_LIMIT_CLIENT: PER_SECOND }), away);
    const { spent } = await spendAll([limits], newCaller());
    expect(spent).toBeGreaterThanOrEqual(BUDGET - PART);
    expect(spent).toBeLessThanOrEqual(BUDGET + PART);
    await expect(registry.getSingleMetricAsString("tripline_rate_limit_fallback_total")).resolves.toMatch(
      /total [1-9]/,
    );
  } finally {
    away.disconnect();
  }
});

test.each(["acme", "acme=many", "acme=5;shop=6", "=5"])("rejects the exceptions %p", (text) => {
  expect(settings.safeParse({ RATE_LIMIT_EXCEPTIONS: text }).success).toBe(false);
});
