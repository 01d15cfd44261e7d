import { readFileSync } from "node:fs";
import { TEST_MEASURED } from "../testing/capacity-figures.js";
import { measuredSchema } from "./figures.js";
import committed from "./measured.json" with { type: "json" };
import type { Demand } from "./model.js";
import { coresAt, planCapacity, RULES, rateAt } from "./model.js";
import type { CostItem } from "./prices.js";
import { CLOUDS, costOf, termsOf } from "./prices.js";

const DEMAND: Demand = { rate: 1_000, meanShare: 0.5, cards: 1e6, terminals: 1e5, retentionDays: 100 };
const planAt = (change: Partial<Demand>) => planCapacity({ ...DEMAND, ...change }, TEST_MEASURED);

test.each([
  [50, 0.01],
  [100, 0.02],
  [550, 0.06],
  [1_000, 0.1],
  [2_000, 0.2],
  [10_000, 1],
])("at %d decisions per second, ingestion needs %d cores, at, between and beyond the measured rates", (rate, cores) => {
  expect(coresAt(TEST_MEASURED, "ingestion", rate)).toBeCloseTo(cores, 10);
  expect(rateAt(TEST_MEASURED, "ingestion", cores)).toBeCloseTo(rate, 3);
});

describe("a plan", () => {
  test("has two instances of every service and the default number of partitions at a low rate", () => {
    const plan = planAt({ rate: 10 });
    expect([...plan.services.values()].map(({ instances }) => instances)).toEqual([2, 2, 2, 2, 2]);
    expect(plan).toMatchObject({ partitions: 24, vcpus: 12, kafka: { brokers: 3 } });
  });

  test("gives each instance no more than its share of a core", () => {
    // 120 µs per decision: 20,000 per second need 2.4 cores, which is four instances at 0.6 cores each.
    const plan = planAt({ rate: 20_000 });
    expect(plan.services.get("features")).toMatchObject({ instances: 4, cores: expect.closeTo(2.4, 6) });
    // 40 µs per decision: 0.8 cores. An instance has two cores and may use 1.2 of them.
    expect(plan.services.get("scoring")).toMatchObject({ instances: 2, cores: expect.closeTo(0.8, 6) });
    expect(plan.partitions).toBe(24);
  });

  test("keeps records as long as their topics require, in three copies, with headroom", () => {
    const { kafka } = planAt({});
    const label = RULES.labelShare * 400 * 90;
    const perPayment = 400 * 7 + 1_000 * 7 + 500 * 90 + 2 * label;
    expect(kafka.diskGb).toBeCloseTo((perPayment * 500 * 86_400 * 3) / 0.7 / 1e9, 6);
    expect(kafka.writtenMbPerS).toBeCloseTo((1_900 + 2 * RULES.labelShare * 400) / 1_000, 6);
    expect(kafka.cores).toBeCloseTo(3 * 0.05, 6);
  });

  test("counts states by card and terminal, one day of requests and three days of decisions", () => {
    const { redis, lakeGb } = planAt({});
    expect(redis.partsGb.states).toBeCloseTo((1e6 * (700 + 300) + 1e5 * 500) / 0.75 / 1e9, 9);
    expect(redis.partsGb.requests).toBeCloseTo((500 * 86_400 * 100) / 0.75 / 1e9, 9);
    expect(redis.partsGb.decisions).toBeCloseTo((500 * 86_400 * 3 * 400) / 0.75 / 1e9, 9);
    expect(redis.memoryGb).toBeCloseTo(redis.partsGb.states + redis.partsGb.requests + redis.partsGb.decisions, 9);
    expect(redis.cpuShare).toBeCloseTo(0.02, 9);
    expect(lakeGb).toBeCloseTo((500 * 86_400 * 100 * 500) / 1e9, 6);
  });

  test("lists its limits and the rates that reach them, lowest rate first", () => {
    const { limits } = planAt({});
    expect(limits.map(({ rate }) => rate)).toEqual(limits.map(({ rate }) => rate).toSorted((a, b) => a - b));
    const limit = (word: string) => limits.find(({ what }) => what.includes(word))?.rate ?? Number.NaN;
    expect(planAt({ rate: limit("memory") }).redis.memoryGb).toBeCloseTo(RULES.redisGbMax, 6);
    expect(planAt({ rate: limit("single core") }).redis.cpuShare).toBeCloseTo(RULES.redisUtilisation, 6);
    for (const name of ["features", "decisions", "archive"] as const) {
      const rate = limits.find(({ part }) => part === name)?.rate ?? Number.NaN;
      expect(planAt({ rate: rate * 0.999 }).services.get(name)?.instances).toBe(24);
      expect(planAt({ rate: rate * 1.001 }).services.get(name)?.instances).toBe(25);
    }
    expect(limits.some(({ part }) => part === "reading the lake")).toBe(false);
    const bucket = planAt({ lakeCacheGib: 20 }).limits.find(({ part }) => part === "reading the lake");
    const { lakeGb } = planAt({ rate: bucket?.rate ?? 0, retentionDays: 1 });
    expect(RULES.featuresOfLake * lakeGb).toBeCloseTo((20 * 1024 ** 3) / 1e9, 6);
    expect(planAt({ cards: 1e12 }).limits[0]).toMatchObject({ rate: 0, what: expect.stringContaining("memory") });
  });
});

describe.each(CLOUDS)("the cost on %s", (cloud) => {
  test("is the sum of its items, and decreases per million payments as the rate grows", () => {
    const [small, large] = [costOf(planAt({ rate: 100 }), cloud), costOf(planAt({ rate: 10_000 }), cloud)];
    for (const { items, month } of [small, large]) {
      expect(Object.values(items).reduce((sum, item) => sum + item, 0)).toBeCloseTo(month, 6);
      expect(Object.values(items).every((item) => item > 0)).toBe(true);
    }
    expect(small.perMillion).toBeCloseTo(small.month / ((50 * 730 * 3_600) / 1e6), 6);
    expect(large.perMillion).toBeLessThan(small.perMillion / 2);
    expect(large.month).toBeGreaterThan(small.month);
  });

  test("depends on the number of cards only through memory", () => {
    const more = costOf(planAt({ cards: 1e7 }), cloud);
    const less = costOf(planAt({ cards: 1e6 }), cloud);
    expect(more.items.redis).toBeGreaterThan(less.items.redis + 100);
    expect({ ...more.items, redis: 0 }).toEqual({ ...less.items, redis: 0 });
  });
});

test.each(CLOUDS)("%s: the terms of each item add up to its cost", (cloud) => {
  for (const rate of [1_000, 50_000]) {
    const plan = planAt({ rate });
    const { items } = costOf(plan, cloud);
    for (const [item, terms] of Object.entries(termsOf(plan, cloud))) {
      const product = terms.reduce((sum, { amount, price, hours = 1 }) => sum + amount * price * hours, 0);
      expect([item, product]).toEqual([item, expect.closeTo(items[item as CostItem], 6)]);
    }
  }
});

test("the README shows the figures that the command prints", () => {
  const plan = planCapacity(
    { rate: 1_000, meanShare: 0.5, cards: 10_000_000, terminals: 1_000_000, retentionDays: 365 },
    measuredSchema.parse(committed),
  );
  const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
  const [, claimed] = /tripline -- capacity --rate 1000` \| \$([\d.]+)/.exec(readme) ?? [];
  expect(claimed).toBe(costOf(plan, "aws").perMillion.toFixed(2));
});
