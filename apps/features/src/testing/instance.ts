import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import type { EventProducer, IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { BatchProcessor } from "../batches/batch-processor.js";
import type { FoldCounts } from "../feature-metrics.js";
import { FeatureMetrics } from "../feature-metrics.js";
import type { ProfileReaderOptions } from "../profiles/profile-reader.js";
import { ProfileReader } from "../profiles/profile-reader.js";
import { PartitionKeys } from "../states/partition-keys.js";
import { StateCompleteness } from "../states/state-completeness.js";
import type { Change } from "../states/state-store.js";
import { StateStore } from "../states/state-store.js";
import { cardOf, delivered, payment, paymentRecord, randomNumbers, START_MS } from "./events.js";
import { gatherFor } from "./gatherer.js";

/* Instances of the service without a consumer, for tests: on a real Redis, with faults injected by the test. */

export const engine = compileEngine(currentFeatureSpec());
export const TTL_SECONDS = 1_000;
export const COMPLETE_KEY = completeKey(engine.entities);
export const STORE_OPTIONS = { stateTtlSeconds: TTL_SECONDS, completeKey: COMPLETE_KEY };
/** The place where the progress of partition 0 of `transactions` is stored. */
export const APPLIED_KEY = "applied:cluster:p.transactions:0";

/** Keeps the sent records, and fails if the test requests it. */
export class Outbox implements EventProducer {
  readonly sent: OutgoingRecord[] = [];
  fault: "before" | "after" | undefined;

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    const { fault } = this;
    this.fault = undefined;
    if (fault !== "before") this.sent.push(...records);
    if (fault !== undefined) throw new TriplineError("kafka-unavailable", "as the test wants it");
  }

  async close(): Promise<void> {}
}

/** A store that can be stopped right before or right after it writes. */
export class FaultyStore extends StateStore {
  fault: "before" | "after" | undefined;
  /** Runs once, between reading and writing. */
  meanwhile: (() => Promise<void>) | undefined;
  /** Number of changes written. */
  writes = 0;

  override async compareAndSet(change: Change): Promise<boolean> {
    const { fault, meanwhile } = this;
    this.fault = undefined;
    this.meanwhile = undefined;
    await meanwhile?.();
    if (fault === "before") throw new TriplineError("redis-unavailable", "as the test wants it");
    const written = await super.compareAndSet(change);
    if (written) this.writes += 1;
    if (fault === "after") throw new TriplineError("redis-unavailable", "as the test wants it");
    return written;
  }
}

export class CountingMetrics extends FeatureMetrics {
  conflicts = 0;
  duplicates = 0;
  redeliveries = 0;

  override conflict(topic: string): void {
    super.conflict(topic);
    this.conflicts += 1;
  }

  override redelivered(topic: string, records: number): void {
    super.redelivered(topic, records);
    this.redeliveries += records;
  }

  override folded(topic: string, counts: FoldCounts): void {
    super.folded(topic, counts);
    this.duplicates += counts.duplicates;
  }
}

type ProfileSource = Partial<Pick<ProfileReaderOptions, "source" | "onUnreadable" | "onRead">>;

let clockMs = START_MS;

/**
 * One instance of the service, without its consumer. `log` defines the end of its partitions, and `onQuestion` is
 * called before each request for it.
 *
 * @param committed whether its group has committed offsets
 * @param profiles source of Feast's profiles in the Redis. Default: none
 */
export function makeInstance(redis: Redis, outbox: Outbox, committed = false, profiles: ProfileSource = {}) {
  const store = new FaultyStore(redis, STORE_OPTIONS);
  const metrics = new CountingMetrics();
  const log = { endOffset: 1e6, onQuestion: async () => {} };
  const admin = {
    clusterId: async () => "cluster",
    committedOffsets: async () => new Map(committed ? [[0, 1]] : []),
    endOffsets: async () => {
      await log.onQuestion();
      return new Map([0, 1, 2].map((partition) => [partition, log.endOffset]));
    },
  };
  // The time differs on every call, so recomputed features would not have the same bytes.
  const clock = { now: () => (clockMs += 1), pause: (ms: number): Promise<void> => delay(ms) };
  const processor = new BatchProcessor(
    engine,
    store,
    new PartitionKeys(admin, store, { KAFKA_TOPIC_PREFIX: "p." }),
    new StateCompleteness(admin, store),
    new ProfileReader({ engine, onUnreadable: () => {}, ...profiles }),
    outbox,
    metrics,
    clock,
  );
  const gatherer = gatherFor(processor);
  const handle = (records: readonly IncomingRecord[]) => {
    const [first] = records;
    if (first === undefined) throw new Error("an empty batch");
    return gatherer.run({ topic: first.topic, partition: first.partition, records });
  };
  return { redis, store, metrics, outbox, handle, log, clock };
}

/** Payments of a few cards at two terminals, in one partition. */
export function payments(count: number, seed: number): Transaction[] {
  const below = randomNumbers(seed);
  let occurredAtMs = START_MS;
  return Array.from({ length: count }, (_, index) => {
    occurredAtMs += below(10) === 0 ? -below(86_400_000) : below(7_200_000);
    const change = {
      cardToken: cardOf(below(3)),
      terminalId: `t-${below(2)}`,
      amountMinor: below(50_000),
      occurredAtMs,
    };
    return payment({ clientTransactionId: `c-${seed}-${index}`, ...change });
  });
}

/** Redis key of the state of a card or terminal. */
export function keyOf(entity: "card" | "terminal", id: string): string {
  const [card = "", terminal = ""] = engine.stateKeys("demo", { cardToken: id, terminalId: id });
  return entity === "card" ? card : terminal;
}

/** The vectors that the engine computes for payments, in their order. */
export function expectedVectors(transactions: readonly Transaction[]): Omit<FeatureVector, "computedAtMs">[] {
  const states = new Map<string, EntityState>();
  return transactions.map((transaction) => {
    const own = engine.stateKeys("demo", transaction).map((key, entity) => {
      if (key === undefined) return undefined;
      const state = states.get(key) ?? engine.decodeState(entity, null);
      states.set(key, state);
      return state;
    });
    const result = engine.applyPayment(own, transaction);
    if (result.duplicate) throw new Error("a duplicate");
    const sequences = own.map((state) => state?.sequence ?? 0);
    const { values, tooLate, profileTimesMs } = result;
    const found = { values, sequences, tooLate, incomplete: false, profileTimesMs };
    return { transaction, specVersion: engine.spec.version, ...found };
  });
}

export function withoutClock(record: OutgoingRecord): Omit<FeatureVector, "computedAtMs"> {
  const { computedAtMs: _, ...vector } = FeatureVector.decode(record.value);
  return vector;
}

/** Gives each test of a file an empty Redis, and closes its connections. */
export function useRedis() {
  let redisUrl = "";
  let connections: Redis[] = [];
  const connect = async (): Promise<Redis> => {
    const redis = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
    connections.push(redis);
    await awaitRedis(redis);
    return redis;
  };
  beforeAll(async () => {
    ({ redisUrl } = await testStack());
  });
  beforeEach(async () => {
    await (await connect()).flushdb();
  });
  afterEach(() => {
    for (const redis of connections) redis.disconnect();
    connections = [];
  });
  const instance = async (outbox = new Outbox(), committed = false, profiles: ProfileSource = {}) =>
    makeInstance(await connect(), outbox, committed, profiles);
  return { connect, instance };
}

/** Payments as the records of one partition, starting at offset 0. */
export function recordsOf(transactions: readonly Transaction[], partition = 0): IncomingRecord[] {
  return transactions.map((transaction, offset) => delivered(paymentRecord(transaction), offset, partition));
}
