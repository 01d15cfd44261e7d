import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import { StateStore } from "@tripline/features/states/state-store";
import type { Redis } from "ioredis";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, redisCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";

const KEYS = 200;
const EVENTS_PER_KEY = 500;
const ROUNDS = 7;
/** Number of events per key in one round. */
const STEPS_PER_ROUND = 20;
const DAY_MS = 86_400_000;
const WINDOWS_MS = { "1d": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS };
/** Chosen so that a full key contains 500 events of 30 days. */
const STEP_MS = (30 * DAY_MS) / EVENTS_PER_KEY;

/**
 * Count, sum and maximum of a card over 1, 7 and 30 days: tiles vs. the common recipe of one sorted set per card, ZADD,
 * ZREMRANGEBYSCORE and a ZRANGE per window. Both work in batches of 200 events, one per card, on a real Redis.
 */
export const velocityPart: BenchPart = {
  name: "velocity",
  title: `count, sum and maximum over 1, 7 and 30 days, ${EVENTS_PER_KEY} events per key: tiles compared with sorted sets`,
  run: runVelocity,
};

async function runVelocity(context: BenchContext): Promise<PartOutcome> {
  const { client: redis } = await context.redis();
  const tiles = new TileWindows(redis);
  const sets = new SortedSetWindows(redis);
  const contestants = [contestantOf("tripline", tiles, redis), contestantOf("sorted sets", sets, redis)];
  for (let step = 0; step < EVENTS_PER_KEY; step += 1) {
    await tiles.count(step);
    await sets.count(step);
  }
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS });
  tiles.compareWith(sets);
  const memoryRatio = (await memoryOf(redis, "set:")) / (await memoryOf(redis, "state:"));
  return {
    contestants: measured,
    summary: {
      velocity_ratio: ratioOf(measured, "wall_ms", "sorted sets", "tripline"),
      velocity_cpu_ratio: ratioOf(measured, "cpu_ms", "sorted sets", "tripline"),
      velocity_memory_ratio: [memoryRatio],
    },
    notes: [
      "Both process events in order and in batches; their values are compared at the end.",
      "velocity_memory_ratio: MEMORY USAGE of all sorted sets divided by MEMORY USAGE of all states.",
    ],
  };
}

function contestantOf(name: string, windows: TileWindows | SortedSetWindows, redis: Redis): Contestant {
  let step = EVENTS_PER_KEY;
  return {
    name,
    meters: [ownCpu(), redisCpu(redis)],
    run: async () => {
      const end = step + STEPS_PER_ROUND;
      for (; step < end; step += 1) await windows.count(step);
      return { operations: STEPS_PER_ROUND * KEYS };
    },
  };
}

/** Size of all keys with a prefix, in bytes. */
async function memoryOf(redis: Redis, prefix: string): Promise<number> {
  const keys = await redis.keys(`${prefix}*`);
  const bytes = await Promise.all(keys.map((key) => redis.memory("USAGE", key, "SAMPLES", 0)));
  return bytes.reduce<number>((sum, value) => sum + Number(value), 0);
}

const timeAt = (step: number) => Date.UTC(2024, 0, 1) + step * STEP_MS;
const amountAt = (step: number, key: number) => 100 + ((step * 7 + key * 13) % 9_000);

/** Count, sum and largest amount of each window after the last event of a card, in the order of `WINDOWS_MS`. */
type WindowValues = readonly number[];

class TileWindows {
  last: WindowValues = [];
  readonly #engine: FeatureEngine;
  readonly #store: StateStore;
  readonly #keys: string[];

  constructor(redis: Redis) {
    this.#engine = compileEngine(
      parseFeatureSpec(
        JSON.stringify({
          version: 1,
          windows: {
            "1d": { width: "1d", tile: "1h" },
            "7d": { width: "7d", tile: "6h" },
            "30d": { width: "30d", tile: "1d" },
          },
          entities: { card: { key: "card_token" } },
          features: Object.keys(WINDOWS_MS).flatMap((window) =>
            ["count", "sum", "max"].map((kind) => ({
              name: `${kind}_${window}`,
              kind,
              entity: "card",
              window,
              default: 0,
              sentence: "{value}",
            })),
          ),
        }),
      ),
    );
    this.#store = new StateStore(redis, {
      stateTtlSeconds: 45 * 86_400,
      completeKey: completeKey(this.#engine.entities),
    });
    this.#keys = Array.from({ length: KEYS }, (_, key) => this.#engine.stateKeys("demo", idsOf(key))[0] ?? "");
  }

  /** Counts one event of every card. */
  async count(step: number): Promise<void> {
    const snapshot = await this.#store.read(["applied:bench"], this.#keys);
    const changes = this.#keys.map((stateKey, key) => {
      const state = this.#engine.decodeState(0, snapshot.states.get(stateKey) ?? null);
      const result = this.#engine.applyPayment([state], {
        ...idsOf(key),
        transactionId: `txn_${step}_${key}`,
        amountMinor: amountAt(step, key),
        currency: "EUR",
        occurredAtMs: timeAt(step),
        latitude: undefined,
        longitude: undefined,
      });
      if (!result.duplicate) this.last = result.values;
      return { key: stateKey, value: this.#engine.encodeState(0, state) };
    });
    const applied = Buffer.alloc(9);
    applied.writeUInt32LE(step);
    await this.#store.compareAndSet({ snapshot, applied: [{ key: "applied:bench", value: applied }], states: changes });
  }

  /** Both must agree, except for the events that a tile adds at the old end of a window. */
  compareWith({ last }: SortedSetWindows): void {
    const far = this.last.findIndex((value, index) => Math.abs(value - (last[index] ?? 0)) > 0.15 * value);
    if (far >= 0 || last.length !== this.last.length) {
      throw new Error(`tiles return ${this.last.join()}, sorted sets ${last.join()}`);
    }
  }
}

function idsOf(key: number) {
  return { cardToken: `ct_${key.toString(16).padStart(32, "0")}`, terminalId: "t" };
}

class SortedSetWindows {
  last: WindowValues = [];

  constructor(private readonly redis: Redis) {}

  /** Counts one event of every card. */
  async count(step: number): Promise<void> {
    const atMs = timeAt(step);
    const pipeline = this.redis.pipeline();
    for (let key = 0; key < KEYS; key += 1) {
      const name = `set:card:${idsOf(key).cardToken}`;
      pipeline.zadd(name, atMs, `txn_${step}_${key}:${amountAt(step, key)}`);
      pipeline.zremrangebyscore(name, "-inf", atMs - WINDOWS_MS["30d"]);
      for (const widthMs of Object.values(WINDOWS_MS)) pipeline.zrange(name, atMs - widthMs + 1, "+inf", "BYSCORE");
      pipeline.expire(name, 45 * 86_400);
    }
    const replies = (await pipeline.exec()) ?? [];
    for (let key = 0; key < KEYS; key += 1) {
      this.last = [2, 3, 4].flatMap((place) => valuesOf((replies[key * 6 + place]?.[1] ?? []) as string[]));
    }
  }
}

/** Count, sum and largest amount of members `id:amount`, in major units. */
function valuesOf(members: readonly string[]): number[] {
  let sum = 0;
  let max = 0;
  for (const member of members) {
    const amount = Number(member.slice(member.lastIndexOf(":") + 1)) / 100;
    sum += amount;
    max = Math.max(max, amount);
  }
  return [members.length, sum, max];
}
