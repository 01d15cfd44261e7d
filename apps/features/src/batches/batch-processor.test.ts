import { TriplineError } from "@tripline/contracts/error-table";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AppliedLabel, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import { encodeApplied } from "../states/applied-batch.js";
import { PartitionKeys } from "../states/partition-keys.js";
import { StateStore } from "../states/state-store.js";
import {
  cardOf,
  delivered,
  label,
  labelRecord,
  payment,
  paymentRecord,
  randomNumbers,
  START_MS,
} from "../testing/events.js";
import {
  APPLIED_KEY,
  COMPLETE_KEY,
  engine,
  expectedVectors,
  keyOf,
  Outbox,
  payments,
  recordsOf,
  STORE_OPTIONS,
  TTL_SECONDS,
  useRedis,
  withoutClock,
} from "../testing/instance.js";

const { connect, instance } = useRedis();

/** The sequence number of an entity's stored state. */
async function sequenceOf(entity: "card" | "terminal", id: string): Promise<number> {
  const redis = await connect();
  return engine.decodeState(entity === "card" ? 0 : 1, await redis.getBuffer(keyOf(entity, id))).sequence;
}

test("counts a batch once and emits the engine's values, and stores the states with their time to live", async () => {
  const transactions = payments(200, 1);
  const { handle, outbox } = await instance();
  await handle(recordsOf(transactions).slice(0, 120));
  await handle(recordsOf(transactions).slice(120));
  expect(outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  const redis = await connect();
  const ttl = await redis.ttl(keyOf("card", cardOf(1)));
  expect(ttl).toBeGreaterThan(TTL_SECONDS - 60);
  expect(await redis.ttl(APPLIED_KEY)).toBe(-1);
});

test("counts payments without a terminal only for their other entities", async () => {
  const transactions = payments(30, 6).map((each, index) => (index % 3 === 0 ? { ...each, terminalId: "" } : each));
  const { handle, outbox, metrics } = await instance();
  await handle(recordsOf(transactions));
  expect(outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  const redis = await connect();
  expect(await redis.exists(keyOf("terminal", ""))).toBe(0);
  expect(metrics.redeliveries).toBe(0);
});

describe("a batch that is redelivered after a crash", () => {
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
  ])("counts once and emits the same bytes if the crash was %s", async (_name, breakIt, error, sent) => {
    const transactions = payments(20, 2);
    const first = await instance();
    await first.handle(recordsOf(transactions).slice(0, 10));
    breakIt(first);
    await expect(first.handle(recordsOf(transactions).slice(10))).rejects.toMatchObject(error);
    const second = await instance(first.outbox);
    await second.handle(recordsOf(transactions).slice(10));
    expect(first.outbox.sent).toHaveLength(sent);
    // Duplicates are byte-identical.
    expect(first.outbox.sent.slice(-10).map(({ value }) => value)).toEqual(
      first.outbox.sent.slice(10, 20).map(({ value }) => value),
    );
    expect(first.outbox.sent.slice(0, 20).map(withoutClock)).toEqual(expectedVectors(transactions));
    const cards = [0, 1, 2].map((number) => sequenceOf("card", cardOf(number)));
    expect((await Promise.all(cards)).reduce((sum, sequence) => sum + sequence)).toBe(20);
  });

  test("emits the same bytes if its offset was not committed", async () => {
    const transactions = payments(10, 3);
    const { handle, outbox, metrics } = await instance();
    await handle(recordsOf(transactions));
    await handle(recordsOf(transactions));
    expect(outbox.sent.slice(10).map(({ value }) => value)).toEqual(outbox.sent.slice(0, 10).map(({ value }) => value));
    expect(metrics.redeliveries).toBe(10);
  });

  test("emits the same bytes without a request to Kafka if the same process counted it", async () => {
    const { handle, outbox, log } = await instance();
    const records = recordsOf(payments(10, 4));
    await handle(records.slice(0, 5));
    outbox.fault = "after";
    await expect(handle(records.slice(5))).rejects.toMatchObject(kafkaDown);
    log.onQuestion = async () => {
      throw new TriplineError("kafka-unavailable", "as the test wants it");
    };
    await handle(records.slice(5));
    expect(outbox.sent.slice(10).map(({ value }) => value)).toEqual(outbox.sent.slice(5, 10).map(({ value }) => value));
    // Values that were read again may come from a recreated topic.
    await expect(handle(recordsOf(payments(10, 4)))).rejects.toMatchObject(kafkaDown);
  });

  test.each(Array.from({ length: 25 }, (_, index) => index + 10))(
    "loses and changes nothing, wherever batches are interrupted or split between two instances (seed %i)",
    async (seed) => {
      const below = randomNumbers(seed);
      const transactions = payments(60, seed);
      const log = recordsOf(transactions);
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
        // Commits may lag behind: after a crash, everything since the last commit is redelivered.
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

describe("a Redis that was emptied", () => {
  const flags = (outbox: Outbox) => outbox.sent.map(({ value }) => FeatureVector.decode(value).incomplete);

  test("returns flagged features until its states are marked as complete again", async () => {
    const log = recordsOf(payments(30, 5));
    const first = await instance();
    await first.handle(log.slice(0, 10));
    const redis = await connect();
    await redis.flushdb();
    // The running instance, and one that starts when records have been committed.
    await first.handle(log.slice(10, 15));
    const second = await instance(first.outbox, true);
    await second.handle(log.slice(15, 20));
    expect(flags(first.outbox)).toEqual([...Array(10).fill(false), ...Array(10).fill(true)]);
    await redis.set(COMPLETE_KEY, "by hand");
    await second.handle(log.slice(20));
    expect(flags(first.outbox).slice(20)).toEqual(Array(10).fill(false));
  });

  test("is not mistaken for a new Redis", async () => {
    const { handle, outbox } = await instance();
    await handle(recordsOf(payments(1, 6)));
    expect(flags(outbox)).toEqual([false]);
    expect(await (await connect()).exists(COMPLETE_KEY)).toBe(1);
  });
});

test("counts a payment or label that was submitted twice once, and emits its features once", async () => {
  const { handle, outbox, metrics } = await instance();
  const once = paymentRecord(payment({ clientTransactionId: "twice" }));
  const other = paymentRecord(payment({ clientTransactionId: "other", occurredAtMs: START_MS + 1 }));
  await handle([delivered(once, 0), delivered(once, 1)]);
  await handle([delivered(other, 2), delivered(once, 3)]);
  await handle([delivered(once, 4)]);
  expect(outbox.sent).toHaveLength(2);
  const place = outbox.sent.length;
  const truth = labelRecord(label({ clientTransactionId: "twice", labelledAtMs: START_MS + 2 }));
  await handle([delivered(truth, 0), delivered(truth, 7)]);
  expect(metrics.duplicates).toBe(4);
  expect(await sequenceOf("card", cardOf(1))).toBe(3);
  expect(await sequenceOf("terminal", "t-1")).toBe(3);
  expect(outbox.sent.slice(place).map(({ topic, value }) => [topic, AppliedLabel.decode(value).sequences])).toEqual([
    ["applied-labels", [3, 3, 0, 0, 0, 0, 0]],
  ]);
  // A redelivery emits nothing either.
  await handle([delivered(once, 4)]);
  expect(outbox.sent).toHaveLength(3);
});

describe("unreadable stored bytes", () => {
  const record = delivered(paymentRecord(payment({ clientTransactionId: "a" })), 5);
  test.each([
    ["a state of another version", keyOf("card", cardOf(1)), Buffer.alloc(40, 9)],
    ["a state that is truncated", keyOf("terminal", "t-1"), Buffer.from([1, 0, 0])],
    ["an applied batch of another version", APPLIED_KEY, Buffer.alloc(40, 9)],
  ])("%s stops processing and stays unchanged", async (_name, key, bytes) => {
    const redis = await connect();
    await redis.set(key, bytes);
    const { handle, outbox } = await instance();
    await expect(handle([record])).rejects.toMatchObject({ code: "state-unreadable" });
    expect(await redis.getBuffer(key)).toEqual(bytes);
    expect((await redis.keys("*")).filter((name) => name !== COMPLETE_KEY)).toEqual([key]);
    expect(outbox.sent).toEqual([]);
  });

  test("a truncated applied batch is detected when its records are redelivered", async () => {
    const bytes = Buffer.from(encodeApplied({ offset: 5, emissions: [{ offset: 5, findings: Buffer.from("abc") }] }));
    await (await connect()).set(APPLIED_KEY, bytes.subarray(0, bytes.length - 1));
    const { handle } = await instance();
    await expect(handle([record])).rejects.toMatchObject({ code: "state-unreadable" });
  });
});

test("reports that more records were counted than the partition contains, and does not treat new records as redeliveries", async () => {
  const redis = await connect();
  await redis.set(APPLIED_KEY, Buffer.from(encodeApplied({ offset: 7, emissions: [] })));
  const store = new StateStore(redis, STORE_OPTIONS);
  const keys = (end: number) => {
    const admin = { clusterId: async () => "cluster", endOffsets: async () => new Map([[0, end]]) };
    return new PartitionKeys(admin, store, { KAFKA_TOPIC_PREFIX: "p." }).keyOf("transactions", 0);
  };
  await expect(keys(7)).rejects.toMatchObject({ code: "state-conflict", message: expect.stringContaining("delete") });
  await expect(keys(8)).resolves.toBe(APPLIED_KEY);
});

test("does not mistake new records for counted ones after the topic is recreated while the service runs", async () => {
  const { handle, outbox, log } = await instance();
  const counted = recordsOf(payments(20, 7));
  await handle(counted.slice(0, 10));
  await handle(counted.slice(10));
  const others = payments(30, 8);
  const records = recordsOf(others);
  const refused = expect.objectContaining({ code: "state-conflict" });
  log.endOffset = 20 - 1;
  // Records before the stored batch would be committed without a vector; those in it would get vectors of other
  // payments.
  await expect(handle(records.slice(0, 10))).rejects.toEqual(refused);
  await expect(handle(records.slice(10, 15))).rejects.toEqual(refused);
  // The partition grows while the records are retried.
  log.endOffset = records.length;
  // A batch that includes new records does not move the stored offset either.
  await expect(handle(records)).rejects.toEqual(refused);
  await expect(handle(records.slice(0, 10))).rejects.toEqual(refused);
  expect(outbox.sent).toHaveLength(20);
  // Follows the advice of the error message.
  await (await connect()).del(APPLIED_KEY);
  await handle(records);
  const sent = outbox.sent.slice(20).map(({ value }) => FeatureVector.decode(value).transaction);
  expect(sent).toEqual(others);
});

describe("a record that can never be applied", () => {
  const good = delivered(paymentRecord(payment({ clientTransactionId: "good" })), 0);
  const goodLabel = delivered(labelRecord(label({ clientTransactionId: "good" })), 0);
  const bad = (change: Partial<Transaction>) =>
    delivered(paymentRecord(payment({ clientTransactionId: "bad", ...change })), 1);
  test.each<[string, IncomingRecord, string]>([
    ["bytes that are not a message", { ...bad({}), value: Buffer.from([0xff, 0x01, 0x02]) }, "message-unreadable"],
    ["an empty value", { ...bad({}), value: Buffer.alloc(0) }, "message-unreadable"],
    ["another message", { ...bad({}), headers: { "tripline-schema": "other" } }, "message-unreadable"],
    ["no tenant", bad({ tenant: "" }), "message-unreadable"],
    ["a card number in place of a token", bad({ cardToken: "4000000000000002" }), "message-unreadable"],
    ["a malformed terminal ID", bad({ terminalId: "a shop" }), "message-unreadable"],
    ["a device id in place of a token", bad({ deviceToken: "phone-1" }), "message-unreadable"],
    ["an address in place of a token", bad({ ipToken: "192.0.2.1" }), "message-unreadable"],
    ["a place beyond the pole", bad({ latitude: 90.5, longitude: 0 }), "message-unreadable"],
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
  ])("that has %s is rejected before its batch has any effect", async (_name, record, code) => {
    const { handle, outbox } = await instance();
    await expect(handle([record.topic === TOPICS.labels.name ? goodLabel : good, record])).rejects.toMatchObject({
      code,
    });
    expect(outbox.sent).toEqual([]);
    expect((await (await connect()).keys("*")).filter((name) => name !== COMPLETE_KEY)).toEqual([]);
  });
});
