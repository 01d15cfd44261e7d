import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import { completeKey } from "@tripline/feature-engine/state-key";
import { StateStore } from "@tripline/features/state-store";
import type { Redis } from "ioredis";
import type { Spread } from "./measure.js";
import { costOf, spreadOf } from "./measure.js";

const KEYS = 200;
const EVENTS_PER_KEY = 500;
const RUNS = 7;
const ROUNDS_PER_RUN = 20;
const DAY_MS = 86_400_000;
const WINDOWS_MS = { "1d": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS };
/** So that each key holds 500 events of 30 days once it is full. */
const STEP_MS = (30 * DAY_MS) / EVENTS_PER_KEY;

export interface VelocityResult {
  /** How many times longer the sorted sets take per event, wall clock. */
  readonly timeRatio: Spread;
  /** How many times more CPU of Node and Redis together they take. */
  readonly cpuRatio: Spread;
  /** How many times more memory a key takes. */
  readonly memoryRatio: number;
}

/**
 * Count, sum and maximum over 1, 7 and 30 days of one card: tiles against the usual recipe of one sorted set per card,
 * ZADD, ZREMRANGEBYSCORE and a ZRANGE per window. Both in batches of 200 events, one per card, both on a real Redis,
 * in turns.
 */
export async function benchVelocity(redis: Redis): Promise<VelocityResult> {
  await redis.flushdb();
  const tiles = new TileWindows(redis);
  const sets = new SortedSetWindows(redis);
  let step = 0;
  for (; step < EVENTS_PER_KEY; step += 1) {
    await tiles.count(step);
    await sets.count(step);
  }
  const [times, cpus]: number[][] = [[], []];
  for (let run = 0; run < RUNS; run += 1) {
    const rounds = Array.from({ length: ROUNDS_PER_RUN }, () => step++);
    const ours = await costOf(redis, async () => {
      for (const round of rounds) await tiles.count(round);
    });
    const theirs = await costOf(redis, async () => {
      for (const round of rounds) await sets.count(round);
    });
    times?.push(theirs.wallMs / ours.wallMs);
    cpus?.push((theirs.nodeMs + theirs.redisMs) / (ours.nodeMs + ours.redisMs));
  }
  tiles.compareWith(sets);
  return {
    timeRatio: spreadOf(times ?? []),
    cpuRatio: spreadOf(cpus ?? []),
    memoryRatio: (await memoryOf(redis, "set:")) / (await memoryOf(redis, "state:")),
  };
}

/** Bytes of all keys with a prefix. */
async function memoryOf(redis: Redis, prefix: string): Promise<number> {
  const keys = await redis.keys(`${prefix}*`);
  const bytes = await Promise.all(keys.map((key) => redis.memory("USAGE", key, "SAMPLES", 0)));
  return bytes.reduce<number>((sum, value) => sum + Number(value), 0);
}

const timeAt = (step: number) => Date.UTC(2024, 0, 1) + step * STEP_MS;
const amountAt = (step: number, key: number) => 100 + ((step * 7 + key * 13) % 9_000);

/** What each window held after the last event of a card: count, sum, largest amount, in the order of `WINDOWS_MS`. */
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

  /** One event of every card. */
  async count(step: number): Promise<void> {
    const snapshot = await this.#store.read("applied:bench", this.#keys);
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
    await this.#store.compareAndSet({ snapshot, appliedKey: "applied:bench", applied, states: changes });
  }

  /** Both must have seen the same, up to what a tile adds at the old end of a window. */
  compareWith({ last }: SortedSetWindows): void {
    const far = this.last.findIndex((value, index) => Math.abs(value - (last[index] ?? 0)) > 0.15 * value);
    if (far >= 0 || last.length !== this.last.length) {
      throw new Error(`tiles say ${this.last.join()}, sorted sets ${last.join()}`);
    }
  }
}

function idsOf(key: number) {
  return { cardToken: `ct_${key.toString(16).padStart(32, "0")}`, terminalId: "t" };
}

class SortedSetWindows {
  last: WindowValues = [];

  constructor(private readonly redis: Redis) {}

  /** One event of every card. */
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
