import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import { BatchProcessor } from "@tripline/features/batches/batch-processor";
import { FeatureMetrics } from "@tripline/features/feature-metrics";
import type { ProfileReaderOptions } from "@tripline/features/profiles/profile-reader";
import { ProfileReader } from "@tripline/features/profiles/profile-reader";
import { PartitionKeys } from "@tripline/features/states/partition-keys";
import { StateCompleteness } from "@tripline/features/states/state-completeness";
import { StateStore } from "@tripline/features/states/state-store";
import type { IncomingRecord } from "@tripline/kafka/port";
import type { Redis } from "ioredis";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, redisCpu } from "../harness/cpu-meter.js";
import { readValkeyMemory } from "../harness/read-valkey-memory.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";

export const CARDS = 5_000;
export const TERMINALS = 10_000;
export const BATCH = 200;
/** Warm-up batches, while states fill up and code is compiled. */
export const WARM_BATCHES = 1_000;
export const MEASURED_BATCHES = 100;
export const ROUNDS = 7;
/** Event time of the first payment. */
export const START_MS = Date.UTC(2024, 0, 1);
/** Event time between two payments, so that 5,000 cards pay about twice per day. */
const STEP_MS = 8_640;

/**
 * The features service without Kafka: batches of 200 payments of cards at terminals are parsed, their states read,
 * folded and written back to a real Redis, and their vectors encoded.
 */
export const windowPart: BenchPart = {
  name: "window",
  title: `${BATCH} payments per batch through the whole path: parse, read, fold, compare and set, encode the vector`,
  run: runWindowUpdate,
};

async function runWindowUpdate(context: BenchContext): Promise<PartOutcome> {
  const { client: redis } = await context.redis();
  const processor = processorOn(redis);
  const before = await readValkeyMemory(redis);
  let offset = 0;
  const run = async (batches: readonly (readonly IncomingRecord[])[]) => {
    for (const records of batches) await processor.handle([{ topic: TOPICS.transactions.name, partition: 0, records }]);
  };
  const make = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: BATCH }, () => recordAt(offset++)));
  for (let done = 0; done < WARM_BATCHES; done += MEASURED_BATCHES) await run(make(MEASURED_BATCHES));
  const after = await readValkeyMemory(redis);
  const bytesPerEntity = (after.usedBytes - before.usedBytes) / after.keys;
  // Created first, so that profiles do not include it.
  const rounds = Array.from({ length: context.roundsOr(ROUNDS) }, () => make(MEASURED_BATCHES));
  const tripline: Contestant = {
    name: "tripline",
    meters: [ownCpu(), redisCpu(redis)],
    run: async () => {
      await run(rounds.shift() ?? []);
      return { operations: MEASURED_BATCHES * BATCH };
    },
  };
  const measured = await context.measure([tripline], { roundsDefault: ROUNDS });
  return {
    contestants: measured,
    summary: {
      cpu_us_per_tx: samplesOf(measured, "tripline", "node_cpu_us_per_op"),
      redis_us_per_tx: samplesOf(measured, "tripline", "redis_cpu_us_per_op"),
      bytes_per_entity: [bytesPerEntity],
    },
    notes: [
      `${CARDS} cards at ${TERMINALS} terminals, ${WARM_BATCHES * BATCH} unmeasured payments first; each payment updates the states of a card and a terminal.`,
      "bytes_per_entity: memory of Valkey divided by its keys, including its own tables.",
    ],
  };
}

/** @param source source of profiles in the same Redis; default: no profiles */
export function processorOn(redis: Redis, source?: ProfileReaderOptions["source"]): BatchProcessor {
  const engine = compileEngine(currentFeatureSpec());
  const store = new StateStore(redis, { stateTtlSeconds: 45 * 86_400, completeKey: completeKey(engine.entities) });
  const admin = {
    clusterId: async () => "bench",
    endOffsets: async () => new Map([0, 1].map((partition) => [partition, Number.MAX_SAFE_INTEGER])),
    committedOffsets: async () => new Map<number, number>(),
  };
  return new BatchProcessor(
    engine,
    store,
    new PartitionKeys(admin, store, { KAFKA_TOPIC_PREFIX: "" }),
    new StateCompleteness(admin, store),
    new ProfileReader({ engine, onUnreadable: () => {}, ...(source && { source }) }),
    { send: async () => {}, close: async () => {} },
    new FeatureMetrics(),
  );
}

export const cardAt = (card: number) => `ct_${card.toString(16).padStart(32, "0")}`;
export const terminalAt = (terminal: number) => `t-${terminal}`;

/**
 * Payment number `index` of a tenant, which has its own partition. Cards and terminals follow a fixed rule; one
 * terminal in a hundred is busier than the others.
 */
export function recordAt(index: number, tenant = "demo", partition = 0): IncomingRecord {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  const card = mixed % CARDS;
  // A card pays at about forty terminals.
  const terminal = (card * 40 + ((mixed >>> 16) % 40)) % TERMINALS;
  const occurredAtMs = START_MS + index * STEP_MS;
  const clientTransactionId = `bench-${index}`;
  const transaction: Transaction = {
    transactionId: transactionId(tenant, clientTransactionId),
    tenant,
    clientTransactionId,
    cardToken: cardAt(card),
    ...UNSENT,
    terminalId: terminalAt(terminal),
    amountMinor: 500 + (mixed % 20_000),
    currency: "EUR",
    occurredAtMs,
    acceptedAtMs: occurredAtMs,
    latitude: 50 + (terminal % 100) / 100,
    longitude: 8 + (terminal % 70) / 100,
  };
  return {
    topic: TOPICS.transactions.name,
    partition,
    offset: index,
    key: transaction.cardToken,
    value: Buffer.from(Transaction.encode(transaction).finish()),
    headers: { [HEADERS.schema]: TOPICS.transactions.schema, [HEADERS.tenant]: tenant },
    timestampMs: occurredAtMs,
  };
}
