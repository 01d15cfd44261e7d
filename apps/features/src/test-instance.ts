import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import type { EventProducer, IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import type { Redis } from "ioredis";
import { FeatureMetrics } from "./feature-metrics.js";
import { PartitionKeys } from "./partition-keys.js";
import { BatchProcessor } from "./process-batch.js";
import type { Change } from "./state-store.js";
import { StateStore } from "./state-store.js";
import { cardOf, payment, randomNumbers, START_MS } from "./test-events.js";

/* Instances of the service without a consumer, for the tests: on a real Redis, with faults where a test wants them. */

export const engine = compileEngine(currentFeatureSpec());
export const TTL_SECONDS = 1_000;
/** Where the progress of partition 0 of `transactions` is stored. */
export const APPLIED_KEY = "applied:cluster:p.transactions:0";

/** Keeps what is sent, and fails where a test says so. */
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

  override async compareAndSet(change: Change): Promise<boolean> {
    const { fault, meanwhile } = this;
    this.fault = undefined;
    this.meanwhile = undefined;
    await meanwhile?.();
    if (fault === "before") throw new TriplineError("redis-unavailable", "as the test wants it");
    const written = await super.compareAndSet(change);
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

  override folded(topic: string, counts: { readonly duplicates: number; readonly tooLate: number }): void {
    super.folded(topic, counts);
    this.duplicates += counts.duplicates;
  }
}

let clockMs = START_MS;

/** One instance of the service, without its consumer. */
export function makeInstance(redis: Redis, outbox: Outbox) {
  const store = new FaultyStore(redis, TTL_SECONDS);
  const metrics = new CountingMetrics();
  const admin = {
    clusterId: async () => "cluster",
    endOffsets: async () =>
      new Map([
        [0, 1e6],
        [1, 1e6],
      ]),
  };
  const processor = new BatchProcessor({
    engine,
    store,
    partitions: new PartitionKeys({ admin, store, topicPrefix: "p." }),
    producer: outbox,
    metrics,
    // Differs at every call, so that features computed twice would not have the same bytes.
    now: () => (clockMs += 1),
  });
  const handle = (records: readonly IncomingRecord[]) => {
    const [first] = records;
    if (first === undefined) throw new Error("an empty batch");
    return processor.handle({ topic: first.topic, partition: first.partition, records });
  };
  return { store, metrics, outbox, handle };
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

/** What the engine alone makes of payments in their order. */
export function expectedVectors(transactions: readonly Transaction[]) {
  const card = new Map(transactions.map(({ cardToken }) => [cardToken, engine.decodeState("card", null)]));
  const terminal = new Map(transactions.map(({ terminalId }) => [terminalId, engine.decodeState("terminal", null)]));
  return transactions.map((transaction) => {
    const [cardState, terminalState] = [card.get(transaction.cardToken), terminal.get(transaction.terminalId)];
    if (cardState === undefined || terminalState === undefined) throw new Error("no state");
    const result = engine.applyPayment(cardState, terminalState, transaction);
    if (result.duplicate) throw new Error("a duplicate");
    const sequences = { cardSequence: cardState.sequence, terminalSequence: terminalState.sequence };
    return { transaction, specVersion: 1, values: result.values, ...sequences };
  });
}

export function withoutClock(record: OutgoingRecord): Omit<FeatureVector, "computedAtMs"> {
  const { computedAtMs: _, ...vector } = FeatureVector.decode(record.value);
  return vector;
}
