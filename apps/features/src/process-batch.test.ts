import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { stateKey } from "@tripline/feature-engine/state-key";
import type { IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/test-stack";
import { awaitRedis, connectRedis } from "@tripline/service-kit/connect-redis";
import type { Redis } from "ioredis";
import { encodeApplied } from "./applied-batch.js";
import { PartitionKeys } from "./partition-keys.js";
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
import {
  APPLIED_KEY,
  engine,
  expectedVectors,
  makeInstance,
  Outbox,
  payments,
  TTL_SECONDS,
  withoutClock,
} from "./test-instance.js";

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

async function instance(outbox = new Outbox()) {
  return makeInstance(await connect(), outbox);
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
  expect(await redis.ttl(APPLIED_KEY)).toBe(-1);
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
    await redis.set(APPLIED_KEY, Buffer.from(encodeApplied({ offset: -0, emissions: [] })));
    await redis.setrange(APPLIED_KEY, 5, String.fromCharCode(version));
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
    ["an applied batch of another version", APPLIED_KEY, Buffer.alloc(40, 9)],
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
    await (await connect()).set(APPLIED_KEY, bytes.subarray(0, bytes.length - 1));
    const { handle } = await instance();
    await expect(handle([record])).rejects.toMatchObject({ code: "state-unreadable" });
  });
});

test("more counted than the partition holds is said, not taken for a repetition", async () => {
  const redis = await connect();
  await redis.set(APPLIED_KEY, Buffer.from(encodeApplied({ offset: 7, emissions: [] })));
  const store = new StateStore(redis, TTL_SECONDS);
  const keys = (end: number) => {
    const admin = { clusterId: async () => "cluster", endOffsets: async () => new Map([[0, end]]) };
    return new PartitionKeys({ admin, store, topicPrefix: "p." }).keyOf("transactions", 0);
  };
  await expect(keys(7)).rejects.toMatchObject({ code: "state-conflict", message: expect.stringContaining("delete") });
  await expect(keys(8)).resolves.toBe(APPLIED_KEY);
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
