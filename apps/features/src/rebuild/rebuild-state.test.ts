import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { appliedOffset } from "../states/applied-batch.js";
import { cardOf, label, labelRecord, payment, paymentRecord, randomNumbers, START_MS } from "../testing/events.js";
import { TestHistory } from "../testing/history.js";
import { COMPLETE_KEY, engine, keyOf } from "../testing/instance.js";

let history: TestHistory;

beforeEach(async () => {
  history = await TestHistory.open();
});
afterEach(() => history.close());

/** Payments and labels of a few cards at a few terminals. */
function events(name: string, count: number, seed: number): OutgoingRecord[] {
  const below = randomNumbers(seed);
  return Array.from({ length: count }, (_, index) => {
    const common = {
      clientTransactionId: `${name}-${index}`,
      cardToken: cardOf(below(12)),
      terminalId: `t-${below(3)}`,
      occurredAtMs: START_MS + index * 60_000 + below(3_600_000),
    };
    // Some labels replace an earlier label that may have been counted hours before.
    const replacedAtMs = index % 3 === 0 ? common.occurredAtMs - (index % 5) * 3_600_000 : undefined;
    const times = { labelledAtMs: common.occurredAtMs, replacedAtMs };
    return below(4) === 0
      ? labelRecord(label({ ...common, ...times, fraud: below(2) === 0 }))
      : paymentRecord(payment({ ...common, amountMinor: below(90_000) }));
  });
}

/** Appears to the service as a failure of Kafka. */
const dead = (): never => {
  throw new TriplineError("kafka-unavailable", "as the test wants it");
};

/** The number of different results of each event. */
const results = async () => [...(await history.emitted()).different.values()];

test("events that were emitted but not committed are not counted again, but those that were not emitted are", async () => {
  const all = events("e", 300, 1);
  await history.producer.send(all.slice(0, 200));
  // Leaves more records uncommitted than a card remembers.
  await history.count({ commit: (_topic, _partition, end) => Math.floor(end / 10) });
  await history.producer.send(all.slice(200, 250));
  // The next batch is counted but never emitted.
  await history.count({ emit: dead, commit: (_topic, _partition, end) => Math.floor(end / 10) });
  await history.redis.flushdb();
  await history.archive();
  expect(await history.rebuild()).toMatchObject({ events: 200, incomplete: 0, repeated: 0, doubled: 0 });

  await history.producer.send(all.slice(250));
  await history.serve();
  expect(await results()).toEqual(Array(300).fill(1));
  expect(await history.differences()).toEqual({ counted: 300, stuck: 0, differing: [] });
});

test("events counted while states are lost are flagged, and count exactly once in the rebuilt states", async () => {
  const all = events("f", 400, 2);
  await history.producer.send(all.slice(0, 150));
  await history.count({ commit: (_topic, _partition, end) => Math.floor(end / 2) });
  await history.redis.flushdb();
  // Records that were emitted but not committed are redelivered and emitted again, this time flagged.
  await history.producer.send(all.slice(150, 250));
  await history.count({ commit: (_topic, _partition, end) => end - 1 });
  await history.redis.flushdb();
  await history.producer.send(all.slice(250, 300));
  await history.count();
  await history.archive();
  const report = await history.rebuild();
  expect(report).toMatchObject({ events: 300, incomplete: 150, doubled: 0 });

  await history.producer.send(all.slice(300));
  await history.serve();
  const { different } = await history.emitted();
  expect(different.size).toBe(400);
  const last = Array.from({ length: 100 }, (_, index) => different.get(`f-${300 + index}`));
  expect(last).toEqual(Array(100).fill(1));
  expect(await history.differences()).toEqual({ counted: 400, stuck: 0, differing: [] });

  // The second rebuild has an archive that contains all of these records.
  await history.redis.flushdb();
  await history.archive();
  expect(await history.rebuild()).toMatchObject({ events: 400, incomplete: 150, states: report.states });
  await history.producer.send(events("g", 50, 3));
  await history.serve();
  expect(await history.differences()).toEqual({ counted: 450, stuck: 0, differing: [] });
});

test("if Redis lost some keys, all states are replaced, and keys of other programs are kept", async () => {
  const all = events("p", 120, 4);
  await history.producer.send(all.slice(0, 100));
  await history.count();
  const before = new Map<string, Buffer | null>();
  for (const key of await history.redis.keys("state:*")) before.set(key, await history.redis.getBuffer(key));
  const countedOf = async (key: string) => appliedOffset((await history.redis.getBuffer(key)) ?? Buffer.alloc(0));
  const progress = new Map<string, number>();
  for (const key of await history.redis.keys("applied:*")) progress.set(key, await countedOf(key));
  const [first = "", second = ""] = before.keys();
  await history.redis.del(first);
  await history.redis.set(second, Buffer.from("something else"));
  const stale = keyOf("card", cardOf(99));
  const others = ["state:card:0:demo:x", "decision:txn_1"];
  await history.redis.mset(stale, "of an event that was never emitted", others[0] ?? "", "1", others[1] ?? "", "2");
  await history.archive();
  await history.rebuild();
  expect(await history.redis.exists(...others, COMPLETE_KEY)).toBe(3);
  expect(await history.redis.exists(stale)).toBe(0);
  for (const [key, value] of before) expect(await history.redis.getBuffer(key)).toEqual(value);
  // Because everything was committed, the stored offsets are the same as before the loss.
  for (const [key, offset] of progress) expect([key, await countedOf(key)]).toEqual([key, offset]);
  expect(progress.size).toBeGreaterThan(4);
});

test("counts a record without a result, but not a later record that already has a result", async () => {
  // Two cards of one partition whose results are in different partitions.
  const records = Array.from({ length: 12 }, (_, card) =>
    [0, 1].map((index) => {
      const change = { cardToken: cardOf(card), terminalId: `own-${card}`, clientTransactionId: `n-${card}-${index}` };
      return paymentRecord(payment({ ...change, occurredAtMs: START_MS + index }));
    }),
  ).flat();
  await history.producer.send(records);
  const unsent = new Set<string>();
  const seen = new Set<string>();
  await history.count({
    commit: () => 0,
    // Emits nothing for the first card of each partition.
    emit: (batch) =>
      batch.filter(({ key }) => {
        if (seen.size === 0) unsent.add(key);
        if (seen.size === 0 || unsent.has(key)) seen.add(key);
        return !unsent.has(key);
      }),
  });
  expect(unsent.size).toBe(1);
  await history.redis.flushdb();
  await history.archive();
  expect(await history.rebuild()).toMatchObject({ events: 22, doubled: 0 });
  await history.serve();
  expect(await results()).toEqual(Array(24).fill(1));
  expect(await history.differences()).toEqual({ counted: 24, stuck: 0, differing: [] });
});

describe("a redelivered record that already has a result", () => {
  /** In one partition, a payment whose result is not emitted is followed by many payments of another card. */
  async function leaveOpen(count: number): Promise<void> {
    const cards = Array.from({ length: 12 }, (_, card) => cardOf(card));
    await history.producer.send(
      cards.map((cardToken) =>
        paymentRecord(payment({ cardToken, terminalId: `own-${cardToken}`, clientTransactionId: cardToken })),
      ),
    );
    const byPartition = Map.groupBy(await history.read(TOPICS.transactions.name), ({ partition }) => partition);
    const [open = "", other = ""] =
      [...byPartition.values()].find((same) => same.length > 1)?.map(({ key }) => key) ?? [];
    await history.count();
    const next = (cardToken: string, index: number) => {
      const change = { cardToken, terminalId: `own-${cardToken}`, clientTransactionId: `${cardToken}-${index}` };
      return paymentRecord(payment({ ...change, occurredAtMs: START_MS + 1 + index }));
    };
    await history.producer.send([next(open, 0), ...Array.from({ length: count }, (_, index) => next(other, index))]);
    await history.count({
      commit: (_topic, partition) => byPartition.get(partition)?.length ?? 0,
      emit: (batch) => batch.filter(({ key }) => key !== open),
    });
    await history.redis.flushdb();
    await history.archive();
  }

  test("is recognised by its card's state", async () => {
    await leaveOpen(16);
    expect(await history.rebuild()).toMatchObject({ events: 28, doubled: 0 });
    await history.serve();
    expect(await history.differences()).toEqual({ counted: 29, stuck: 0, differing: [] });
  });

  test("is reported if its card has had too many payments since then", async () => {
    await leaveOpen(17);
    await expect(history.rebuild()).rejects.toMatchObject({
      code: "state-conflict",
      message: expect.stringContaining("--partial"),
    });
    expect(await history.redis.exists(COMPLETE_KEY)).toBe(0);
    expect((await history.rebuild({ isPartial: true })).doubled).toBeGreaterThan(0);
  });
});

test("skips dead letters and client retries", async () => {
  const good = (id: string) => paymentRecord(payment({ clientTransactionId: id }));
  const bad = paymentRecord(payment({ clientTransactionId: "bad", amountMinor: 2 ** 52 }));
  await history.producer.send([good("a"), bad, good("b"), good("a"), good("c")]);
  await history.count({ commit: () => 0 });
  await history.redis.flushdb();
  await history.archive();
  await history.rebuild();
  const [record] = await history.read(TOPICS.transactions.name);
  const topic = history.stack.topicPrefix + TOPICS.transactions.name;
  const key = appliedKey(await history.admin.clusterId(), topic, record?.partition ?? 0);
  expect(appliedOffset((await history.redis.getBuffer(key)) ?? Buffer.alloc(0))).toBe(4);
  await history.producer.send([good("a"), good("d")]);
  await history.serve();
  expect(await results()).toEqual(Array(4).fill(1));
  expect(await history.differences()).toEqual({ counted: 4, stuck: 0, differing: [] });
});

test("if the service and Redis failed together, --partial counts the available events in time order", async () => {
  const at = (card: number, id: string) =>
    paymentRecord(payment({ cardToken: cardOf(card), terminalId: "shared", clientTransactionId: id }));
  const unsent = cardOf(1);
  const emit = (records: readonly OutgoingRecord[]) => records.filter(({ key }) => key !== unsent);
  await history.producer.send([at(1, "a")]);
  await history.count({ emit, commit: () => 0 });
  await history.producer.send([at(2, "b"), at(3, "c")]);
  await history.count({ emit, commit: () => 0 });
  await history.redis.flushdb();
  await history.archive();
  await expect(history.rebuild()).rejects.toMatchObject({
    code: "state-conflict",
    message: expect.stringMatching(/2 of 2 events are waiting for earlier events.*--partial/),
  });
  expect(await history.rebuild({ isPartial: true })).toMatchObject({ events: 2, doubled: 0 });
  await history.serve();
  expect(await results()).toEqual([1, 1, 1]);
  const [, key = ""] = engine.stateKeys("demo", { cardToken: unsent, terminalId: "shared" });
  const state = engine.decodeState(1, await history.redis.getBuffer(key));
  const counts = engine.readEntity(1, state, START_MS);
  expect(counts[engine.entityFeatures(1).indexOf("terminal_count_1d")]).toBe(3);
  // Numbering continues after the last assigned number, so that no number is assigned twice.
  expect(state.sequence).toBe(4);
});

test("when window lengths change, states are rebuilt for the new windows from events counted under the old ones", async () => {
  const spec = currentFeatureSpec();
  const { "1d": day } = spec.windows;
  if (day === undefined) throw new Error("a spec without a window of one day");
  const wider = compileEngine({ ...spec, windows: { ...spec.windows, "1d": { ...day, tile: 2 * day.tile } } });
  const transactions = Array.from({ length: 40 }, (_, index) =>
    payment({
      clientTransactionId: `w-${index}`,
      occurredAtMs: START_MS + index * 1_800_000,
      amountMinor: 100 + index,
    }),
  );
  await history.producer.send(transactions.map((transaction) => paymentRecord(transaction)));
  await history.count();
  await history.archive();
  await history.rebuild({ engine: wider });
  const [, terminal = ""] = wider.stateKeys("demo", { cardToken: cardOf(1), terminalId: "t-1" });
  expect(terminal).not.toBe(keyOf("terminal", "t-1"));
  const states = wider.entities.slice(0, 2).map((_, entity) => wider.decodeState(entity, null));
  for (const transaction of transactions) wider.applyPayment([...states, undefined, undefined], transaction);
  const [, expected] = states;
  if (expected === undefined) throw new Error("a spec without terminals");
  expect(await history.redis.getBuffer(terminal)).toEqual(Buffer.from(wider.encodeState(1, expected)));
  expect(await history.redis.exists(completeKey(wider.entities))).toBe(1);
});
