import type { Plan } from "./model.js";
import { RULES } from "./model.js";

export const CLOUDS = ["aws", "gcp", "azure"] as const;
export type Cloud = (typeof CLOUDS)[number];

/** Date and source of the prices. */
export const PRICES_OF = "on-demand list prices of the US regions from 2025 price lists, compiled in November 2026";

interface Prices {
  /** Per month: control plane, three system nodes, PostgreSQL, NAT and endpoints, registry, keys, logs. */
  readonly fixed: number;
  readonly vcpuHour: number;
  /** A broker's core with its memory. Azure bills units of 5 MB per second instead. */
  readonly kafkaVcpuHour?: number;
  readonly kafkaUnitMonth?: number;
  readonly kafkaGbMonth: number;
  /** Memory per node. */
  readonly cacheGbHour: number;
  /** Number of nodes with a full copy, including the first; 1 if the price is for a pair. */
  readonly cacheCopies: number;
  readonly objectGbMonth: number;
}

/** US dollars. Instance types as in infra/README.md: m7i, m7g and r7g; n2; Dsv5, Event Hubs Premium, Azure Managed Redis. */
const PRICES: Readonly<Record<Cloud, Prices>> = {
  aws: {
    fixed: 1_044,
    vcpuHour: 0.0504,
    kafkaVcpuHour: 0.102,
    kafkaGbMonth: 0.1,
    cacheGbHour: 0.0134,
    cacheCopies: 3,
    objectGbMonth: 0.023,
  },
  gcp: {
    fixed: 640,
    vcpuHour: 0.0486,
    kafkaVcpuHour: 0.09,
    kafkaGbMonth: 0.1,
    cacheGbHour: 0.0158,
    cacheCopies: 3,
    objectGbMonth: 0.02,
  },
  azure: {
    fixed: 933,
    vcpuHour: 0.048,
    kafkaUnitMonth: 900,
    kafkaGbMonth: 0.12,
    cacheGbHour: 0.048,
    cacheCopies: 1,
    objectGbMonth: 0.023,
  },
};

const MONTH_H = 730;
const EVENT_HUBS_MB_PER_UNIT = 5;
const EVENT_HUBS_GB_PER_UNIT = 1_000;

export type CostItem = "fixed" | "services" | "kafka" | "redis" | "lake";

export interface Cost {
  /** US dollars per month, by item. */
  readonly items: Readonly<Record<CostItem, number>>;
  readonly month: number;
  /** Millions of decisions per month. */
  readonly millions: number;
  readonly perMillion: number;
}

/** A quantity times a price. The terms of an item add up to its amount in `costOf`. */
export interface Term {
  readonly amount: number;
  readonly unit: string;
  readonly price: number;
  /** The period of the price. */
  readonly per: "an hour" | "a month";
  /** Billed hours, if the price is per hour. */
  readonly hours?: number;
}

/** Excludes tax, discounts, backups, traffic between zones and GPUs. Pure. */
export function costOf(plan: Plan, cloud: Cloud): Cost {
  const prices = PRICES[cloud];
  const items = {
    fixed: prices.fixed,
    services: plan.vcpus * prices.vcpuHour * MONTH_H,
    kafka: kafkaCost(plan, prices),
    redis: plan.redis.memoryGb * prices.cacheCopies * prices.cacheGbHour * MONTH_H,
    lake: plan.lakeGb * prices.objectGbMonth,
  };
  const month = Object.values(items).reduce((sum, item) => sum + item, 0);
  const { rate, meanShare } = plan.demand;
  const millions = (rate * meanShare * MONTH_H * 3_600) / 1e6;
  return { items, month, millions, perMillion: month / millions };
}

/** The same costs with all factors, to check them by hand. Pure. */
export function termsOf(
  { vcpus, kafka, redis, lakeGb }: Plan,
  cloud: Cloud,
): Readonly<Record<CostItem, readonly Term[]>> {
  const prices = PRICES[cloud];
  const hourly = { per: "an hour", hours: MONTH_H } as const;
  const monthly = { per: "a month" } as const;
  const units = Math.max(1, Math.ceil(kafka.writtenMbPerS / EVENT_HUBS_MB_PER_UNIT));
  const stored = (kafka.diskGb * RULES.kafkaDiskFill) / RULES.kafkaReplicas - units * EVENT_HUBS_GB_PER_UNIT;
  return {
    fixed: [{ amount: 1, unit: "installation", price: prices.fixed, ...monthly }],
    services: [{ amount: vcpus, unit: "cores", price: prices.vcpuHour, ...hourly }],
    kafka:
      prices.kafkaUnitMonth === undefined
        ? [
            {
              amount: kafka.brokers * RULES.kafkaCoresPerBroker,
              unit: "cores",
              price: prices.kafkaVcpuHour ?? 0,
              ...hourly,
            },
            { amount: kafka.diskGb, unit: "GB", price: prices.kafkaGbMonth, ...monthly },
          ]
        : [
            { amount: units, unit: "units", price: prices.kafkaUnitMonth, ...monthly },
            { amount: Math.max(0, stored), unit: "GB", price: prices.kafkaGbMonth, ...monthly },
          ],
    redis: [{ amount: redis.memoryGb * prices.cacheCopies, unit: "GB", price: prices.cacheGbHour, ...hourly }],
    lake: [{ amount: lakeGb, unit: "GB", price: prices.objectGbMonth, ...monthly }],
  };
}

/** The cost of a service core, in US dollars per hour. */
export const coreHourOf = (cloud: Cloud): number => PRICES[cloud].vcpuHour;

function kafkaCost({ kafka }: Plan, prices: Prices): number {
  if (prices.kafkaUnitMonth === undefined) {
    const vcpus = kafka.brokers * RULES.kafkaCoresPerBroker;
    return vcpus * (prices.kafkaVcpuHour ?? 0) * MONTH_H + kafka.diskGb * prices.kafkaGbMonth;
  }
  const units = Math.max(1, Math.ceil(kafka.writtenMbPerS / EVENT_HUBS_MB_PER_UNIT));
  // Only one copy is billed, and the storage included in the units is free.
  const gb = (kafka.diskGb * RULES.kafkaDiskFill) / RULES.kafkaReplicas;
  return units * prices.kafkaUnitMonth + Math.max(0, gb - units * EVENT_HUBS_GB_PER_UNIT) * prices.kafkaGbMonth;
}
