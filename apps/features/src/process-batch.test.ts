import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import { stateKey } from "@tripline/feature-engine/state-key";
import type { EventProducer, IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/test-stack";
import { awaitRedis, connectRedis } from "@tripline/service-kit/connect-redis";
import type { Redis } from "ioredis";
import { encodeApplied } from "./applied-batch.js";
import { FeatureMetrics } from "./feature-metrics.js";
import { PartitionKeys } from "./partition-keys.js";
import { BatchProcessor } from "./process-batch.js";
import type { Change } from "./state-store.js";
import { StateStore } from "./state-store.js";
import {
  cardOf,
  delivered,
  label,
  labelRecord,
  payment,
  paymentRecord,
  randomNumbers,
  START_MS,
} from "./test-events.js";

const engine = compileEngine(currentFeatureSpec());
const TTL_SECONDS = 1_000;

let redisUrl: string;
let connections: Redis[] = [];
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

async function connect(): Promise<Redis> {
  const redis = connectRedis(redisUrl);
  connections.push(redis);
  await awaitRedis(redis);
  return redis;
}

/** Keeps what is sent, and fails where a test says so. */
class Outbox implements EventProducer {
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
class FaultyStore extends StateStore {
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

class CountingMetrics extends FeatureMetrics {
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
async function instance(outbox = new Outbox()) {
  const store = new FaultyStore(await connect(), TTL_SECONDS);
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
function payments(count: number, seed: number): Transaction[] {
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
function expectedVectors(transactions: readonly Transaction[]) {
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

function withoutClock(record: OutgoingRecord): Omit<FeatureVector, "computedAtMs"> {
  const { computedAtMs: _, ...vector } = FeatureVector.decode(record.value);
  return vector;
}

const records = (transactions: readonly Transaction[], partition = 0) =>
  transactions.map((transaction, offset) => delivered(paymentRecord(transaction), offset, partition));

/** Sequence of an entity's stored state. */
async function sequenceOf(entity: "card" | "terminal", id: string): Promise<number> {
  const redis = await connect();
  return engine.decodeState(entity, await redis.getBuffer(stateKey("demo", entity, id))).sequence;
}

test("a batch is counted once and emits what the engine says, with the states and their time to live", async () => {
  const transactions = payments(200, 1);
  const { handle, outbox } = await instance();
  await handle(records(transactions).slice(0, 120));
  await handle(records(transactions).slice(120));
  expect(outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  const redis = await connect();
  const ttl = await redis.ttl(stateKey("demo", "card", cardOf(1)));
  expect(ttl).toBeGreaterThan(TTL_SECONDS - 60);
  expect(await redis.ttl("applied:cluster:p.transactions:0")).toBe(-1);
});

describe("a batch that comes again after a crash", () => {
  type Instance = Awaited<ReturnType<typeof instance>>;
  const redisDown = { code: "redis-unavailable" };
  const kafkaDown = { code: "kafka-unavailable" };
  test.each<[string, (at: Instance) => void, object, number]>([
    [
      "before the states were written",
      ({ store }) => {
        store.fault = "before";
      },
      redisDown,
      20,
    ],
    [
      "right after the states were written",
      ({ store }) => {
        store.fault = "after";
      },
      redisDown,
      20,
    ],
    [
      "after the states were written, before features were sent",
      ({ outbox }) => {
        outbox.fault = "before";
      },
      kafkaDown,
      20,
    ],
    [
      "after features were sent, before that was known",
      ({ outbox }) => {
        outbox.fault = "after";
      },
      kafkaDown,
      30,
    ],
  ])("%s counts once and emits the same bytes", async (_name, breakIt, error, sent) => {
    const transactions = payments(20, 2);
    const first = await instance();
    await first.handle(records(transactions).slice(0, 10));
    breakIt(first);
    await expect(first.handle(records(transactions).slice(10))).rejects.toMatchObject(error);
    const second = await instance(first.outbox);
    await second.handle(records(transactions).slice(10));
    expect(first.outbox.sent).toHaveLength(sent);
    // What was sent twice is the same, byte for byte.
    expect(first.outbox.sent.slice(-10).map(({ value }) => value)).toEqual(
      first.outbox.sent.slice(10, 20).map(({ value }) => value),
    );
    expect(first.outbox.sent.slice(0, 20).map(withoutClock)).toEqual(expectedVectors(transactions));
    const cards = [0, 1, 2].map((number) => sequenceOf("card", cardOf(number)));
    expect((await Promise.all(cards)).reduce((sum, sequence) => sum + sequence)).toBe(20);
  });

  test("or after its offset was not committed emits the same bytes", async () => {
    const transactions = payments(10, 3);
    const { handle, outbox, metrics } = await instance();
    await handle(records(transactions));
    await handle(records(transactions));
    expect(outbox.sent.slice(10).map(({ value }) => value)).toEqual(outbox.sent.slice(0, 10).map(({ value }) => value));
    expect(metrics.redeliveries).toBe(10);
  });

  test.each(Array.from({ length: 25 }, (_, index) => index + 10))(
    "at any points, cut anywhere, by either of two instances, loses and changes nothing (seed %i)",
    async (seed) => {
      const below = randomNumbers(seed);
      const transactions = payments(60, seed);
      const log = records(transactions);
      const outbox = new Outbox();
      const instances = [await instance(outbox), await instance(outbox)] as const;
      let committed = 0;
      let position = 0;
      while (committed < log.length) {
        const one = instances[below(2) === 0 ? 0 : 1];
        const batch = log.slice(position, position + 1 + below(25));
        const crash = below(6);
        if (crash === 1) one.store.fault = "before";
        if (crash === 2) one.store.fault = "after";
        if (crash === 3) outbox.fault = "before";
        if (crash === 4) outbox.fault = "after";
        const failed = await one.handle(batch).then(
          () => crash === 5,
          () => true,
        );
        one.store.fault = undefined;
        outbox.fault = undefined;
        position += batch.length;
        // Commits may lag behind what was handled; after a crash everything from the last commit on comes again.
        if (!failed && (below(2) === 0 || position >= log.length)) committed = position;
        if (failed) position = committed;
      }
      const bytes = new Map<string, Set<string>>();
      const order: OutgoingRecord[] = [];
      for (const record of outbox.sent) {
        const id = FeatureVector.decode(record.value).transaction?.transactionId ?? "";
        const seen = bytes.get(id) ?? new Set();
        if (seen.size === 0) order.push(record);
        bytes.set(id, seen.add(Buffer.from(record.value).toString("hex")));
      }
      expect([...bytes.values()].every((seen) => seen.size === 1)).toBe(true);
      expect(order.map(withoutClock)).toEqual(expectedVectors(transactions));
    },
  );
});

test("a writer that lost its partition without knowing changes nothing and repeats the same bytes", async () => {
  const transactions = payments(20, 4);
  const log = records(transactions);
  const zombie = await instance();
  const successor = await instance();
  zombie.store.meanwhile = async () => {
    await successor.handle(log.slice(0, 10));
    await successor.handle(log.slice(10));
  };
  await zombie.handle(log.slice(0, 15));
  expect(successor.outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  expect(zombie.metrics.conflicts).toBe(1);
  // Of its own records only those of the last batch are still stored; the others were sent by the successor.
  expect(zombie.outbox.sent.map(({ value }) => Buffer.from(value))).toEqual(
    successor.outbox.sent.slice(10, 15).map(({ value }) => Buffer.from(value)),
  );
});

test("two writers at one terminal count every payment once", async () => {
  const [one, two] = [await instance(), await instance()];
  const count = 150;
  const log = (partition: number) =>
    Array.from({ length: count }, (_, offset) => {
      const change = {
        cardToken: cardOf(partition),
        terminalId: "hot",
        occurredAtMs: START_MS + offset,
        amountMinor: 100,
      };
      const transaction = payment({ clientTransactionId: `h-${partition}-${offset}`, ...change });
      return delivered(paymentRecord(transaction), offset, partition);
    });
  const drain = async ({ handle }: typeof one, partition: number) => {
    for (const record of log(partition)) await handle([record]);
  };
  await Promise.all([drain(one, 0), drain(two, 1)]);
  const sent = [...one.outbox.sent, ...two.outbox.sent].map(({ value }) => FeatureVector.decode(value));
  const sequences = sent.map(({ terminalSequence }) => terminalSequence).sort((a, b) => a - b);
  expect(sequences).toEqual(Array.from({ length: 2 * count }, (_, index) => index + 1));
  const counts = currentFeatureSpec().features.findIndex(({ name }) => name === "terminal_count_1d");
  expect(sent.map(({ values }) => values[counts] ?? 0).sort((a, b) => a - b)).toEqual(sequences);
  expect(one.metrics.conflicts + two.metrics.conflicts).toBeGreaterThan(0);
});

test("partitions handled at a time by one instance do not disturb each other", async () => {
  const { handle, outbox, metrics } = await instance();
  const log = (partition: number) => records(payments(50, 30 + partition), partition);
  await Promise.all([handle(log(0)), handle(log(1))]);
  expect(outbox.sent).toHaveLength(100);
  expect(metrics.conflicts).toBe(0);
});

test("a writer that never gets its turn gives up for the consumer to back off", async () => {
  const { handle, store } = await instance();
  const redis = await connect();
  let version = 0;
  const disturb = async () => {
    version += 1;
    await redis.set("applied:cluster:p.transactions:0", Buffer.from(encodeApplied({ offset: -0, emissions: [] })));
    await redis.setrange("applied:cluster:p.transactions:0", 5, String.fromCharCode(version));
    store.meanwhile = disturb;
  };
  store.meanwhile = disturb;
  const far = delivered(paymentRecord(payment({ clientTransactionId: "x" })), Number.MAX_SAFE_INTEGER);
  await expect(handle([far])).rejects.toMatchObject({ code: "state-conflict" });
});

test("a payment or label submitted twice counts once, and features are emitted once", async () => {
  const { handle, outbox, metrics } = await instance();
  const once = paymentRecord(payment({ clientTransactionId: "twice" }));
  const other = paymentRecord(payment({ clientTransactionId: "other", occurredAtMs: START_MS + 1 }));
  await handle([delivered(once, 0), delivered(once, 1)]);
  await handle([delivered(other, 2), delivered(once, 3)]);
  await handle([delivered(once, 4)]);
  expect(outbox.sent).toHaveLength(2);
  const truth = labelRecord(label({ clientTransactionId: "twice", labelledAtMs: START_MS + 2 }));
  await handle([delivered(truth, 0), delivered(truth, 7)]);
  expect(metrics.duplicates).toBe(4);
  expect(await sequenceOf("card", cardOf(1))).toBe(3);
  expect(await sequenceOf("terminal", "t-1")).toBe(3);
  // Nothing of it comes again either.
  await handle([delivered(once, 4)]);
  expect(outbox.sent).toHaveLength(2);
});

describe("what is stored and cannot be read", () => {
  const record = delivered(paymentRecord(payment({ clientTransactionId: "a" })), 5);
  test.each([
    ["a state of another version", stateKey("demo", "card", cardOf(1)), Buffer.alloc(40, 9)],
    ["a state that is cut short", stateKey("demo", "terminal", "t-1"), Buffer.from([1, 0, 0])],
    ["an applied batch of another version", "applied:cluster:p.transactions:0", Buffer.alloc(40, 9)],
  ])("%s stops everything and stays as it is", async (_name, key, bytes) => {
    const redis = await connect();
    await redis.set(key, bytes);
    const { handle, outbox } = await instance();
    await expect(handle([record])).rejects.toMatchObject({ code: "state-unreadable" });
    expect(await redis.getBuffer(key)).toEqual(bytes);
    expect(await redis.dbsize()).toBe(1);
    expect(outbox.sent).toEqual([]);
  });

  test("an applied batch cut short is found when its records come again", async () => {
    const bytes = Buffer.from(encodeApplied({ offset: 5, emissions: [{ offset: 5, value: Buffer.from("abc") }] }));
    await (await connect()).set("applied:cluster:p.transactions:0", bytes.subarray(0, bytes.length - 1));
    const { handle } = await instance();
    await expect(handle([record])).rejects.toMatchObject({ code: "state-unreadable" });
  });
});

test("more counted than the partition holds is said, not taken for a repetition", async () => {
  const redis = await connect();
  await redis.set("applied:cluster:p.transactions:0", Buffer.from(encodeApplied({ offset: 7, emissions: [] })));
  const store = new StateStore(redis, TTL_SECONDS);
  const keys = (end: number) => {
    const admin = { clusterId: async () => "cluster", endOffsets: async () => new Map([[0, end]]) };
    return new PartitionKeys({ admin, store, topicPrefix: "p." }).keyOf("transactions", 0);
  };
  await expect(keys(7)).rejects.toMatchObject({ code: "state-conflict", message: expect.stringContaining("delete") });
  await expect(keys(8)).resolves.toBe("applied:cluster:p.transactions:0");
});

describe("a record that can never be counted", () => {
  const good = delivered(paymentRecord(payment({ clientTransactionId: "good" })), 0);
  const goodLabel = delivered(labelRecord(label({ clientTransactionId: "good" })), 0);
  const bad = (change: Partial<Transaction>) =>
    delivered(paymentRecord(payment({ clientTransactionId: "bad", ...change })), 1);
  test.each<[string, IncomingRecord, string]>([
    ["bytes that are no message", { ...bad({}), value: Buffer.from([0xff, 0x01, 0x02]) }, "message-unreadable"],
    ["an empty value", { ...bad({}), value: Buffer.alloc(0) }, "message-unreadable"],
    ["another message", { ...bad({}), headers: { "tripline-schema": "other" } }, "message-unreadable"],
    ["no tenant", bad({ tenant: "" }), "message-unreadable"],
    ["a card number in place of a token", bad({ cardToken: "4000000000000002" }), "message-unreadable"],
    ["no terminal", bad({ terminalId: "" }), "message-unreadable"],
    ["no time", bad({ occurredAtMs: 0 }), "message-unreadable"],
    ["a negative amount", bad({ amountMinor: -1 }), "message-unreadable"],
    ["an unknown currency", bad({ currency: "XYZ" }), "message-unreadable"],
    ["an amount too large to sum", bad({ amountMinor: 2 ** 52 }), "invalid-field"],
    [
      "a label without an id",
      delivered(labelRecord(label({ clientTransactionId: "x", labelId: "" })), 1),
      "message-unreadable",
    ],
    [
      "a label without a time",
      delivered(labelRecord(label({ clientTransactionId: "x", labelledAtMs: 0 })), 1),
      "message-unreadable",
    ],
  ])("%s is refused before anything of its batch is done", async (_name, record, code) => {
    const { handle, outbox } = await instance();
    await expect(handle([record.topic === TOPICS.labels.name ? goodLabel : good, record])).rejects.toMatchObject({
      code,
    });
    expect(outbox.sent).toEqual([]);
    expect(await (await connect()).dbsize()).toBe(0);
  });
});
