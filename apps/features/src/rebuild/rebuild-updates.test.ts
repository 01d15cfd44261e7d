import { RESULTS } from "@tripline/contracts/features/feature-sources";
import {
  AppliedPaymentUpdate,
  DeclinedBy,
  PaymentUpdateKind,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { specOf } from "@tripline/feature-engine/testing/specs";
import type { IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";
import { cardOf, payment, paymentRecord, randomNumbers, START_MS, update, updateRecord } from "../testing/events.js";
import { SMALL_MEMORY_BYTES, TestHistory } from "../testing/history.js";

const WINDOWS = { "1h": { width: "1h", tile: "5m" }, "1d": { width: "1d", tile: "1h" } };
const OF_CARDS = [
  { kind: "count", entity: "card", window: "1d" },
  { kind: "count", entity: "terminal", window: "1d" },
  { kind: "update_count", entity: "card", window: "1h", where: { kind: ["declined"] } },
  { kind: "declined_share", entity: "card", window: "1d" },
];
const ofCards = compileEngine(specOf(WINDOWS, OF_CARDS));
const ofTerminals = compileEngine(
  specOf(WINDOWS, [...OF_CARDS, { kind: "update_count", entity: "terminal", window: "1d" }]),
);

const RESULT_TOPICS = Object.values(RESULTS);

let history: TestHistory;

afterEach(() => history.close());

/** Payments of a few cards, each followed by an update of its payment. */
function events(name: string, count: number, seed: number): OutgoingRecord[] {
  const below = randomNumbers(seed);
  return Array.from({ length: count }, (_, index) => {
    const cardToken = cardOf(below(4));
    const atMs = START_MS + index * 60_000;
    const ids = { clientTransactionId: `${name}-${index}`, cardToken };
    const [kind, declinedBy] =
      below(2) === 0
        ? [PaymentUpdateKind.DECLINED, below(3) === 0 ? DeclinedBy.TRIPLINE : DeclinedBy.ISSUER]
        : [PaymentUpdateKind.AUTHORISED, DeclinedBy.UNSPECIFIED];
    const { transactionId } = payment(ids);
    const answer = { ...ids, clientTransactionId: `answer to ${name}-${index}`, transactionId, kind, declinedBy };
    return [
      paymentRecord(payment({ ...ids, terminalId: `t-${below(3)}`, occurredAtMs: atMs })),
      updateRecord(update({ ...answer, updatedAtMs: atMs + 2_000 })),
    ];
  }).flat();
}

/** The number of different results of each event. */
const results = async () => [...(await history.emitted()).different.values()];

test("payment updates count once, and rebuilt states equal those before the loss", async () => {
  history = await TestHistory.open(ofTerminals);
  await history.producer.send(events("a", 30, 1));
  await history.count({ commit: (_topic, _partition, end) => Math.floor(end / 2) });
  const before = await history.states();
  expect(before.size).toBeGreaterThan(4);
  await history.archive();
  await history.redis.flushdb();
  expect(await history.rebuild()).toMatchObject({ events: 60, incomplete: 0, doubled: 0 });
  expect(await history.states()).toEqual(before);

  // Records redelivered from the committed offset are not counted again.
  await history.producer.send(events("b", 10, 2));
  await history.count();
  expect(await results()).toEqual(Array(80).fill(1));
  expect(await history.differences()).toEqual({ counted: 80, stuck: 0, differing: [] });
});

test("snapshots that contain payment updates, and the later events, restore the lost states", async () => {
  history = await TestHistory.open(ofTerminals);
  const add = async (name: string, seed: number) => {
    await history.producer.send(events(name, 20, seed));
    await history.count();
  };
  await add("a", 4);
  await history.archive();
  const first = await history.snapshot({ memoryBytes: SMALL_MEMORY_BYTES / 10 });
  expect(first).toMatchObject({ events: 40 });

  // The archive lags on some partitions, so events of terminals wait for those of other cards.
  await add("b", 5);
  await history.archive(RESULT_TOPICS, (partition) => partition % 2 === 1);
  const second = await history.snapshot({ memoryBytes: SMALL_MEMORY_BYTES / 10 });
  expect(second.continues).toBe(first.id);
  expect(second.events).toBeGreaterThan(0);
  expect(second.events).toBeLessThan(40);

  // Emitted after the snapshot, but not committed.
  await history.producer.send(events("c", 20, 6));
  await history.count({ commit: (_topic, _partition, end) => end - 1 });
  await history.archive();
  const undisturbed = await history.states();
  for (const options of [{}, { isFromScratch: true, memoryBytes: SMALL_MEMORY_BYTES / 10 }]) {
    await history.redis.flushdb();
    const report = await history.rebuild(options);
    expect(report).toMatchObject({ incomplete: 0, doubled: 0, flagged: 0 });
    expect(report.snapshot).toBe("isFromScratch" in options ? undefined : second.id);
    expect(await history.states()).toEqual(undisturbed);
  }
  await history.count();
  expect(await results()).toEqual(Array(120).fill(1));
});

test.each([
  ["found on its topic and counted in its place", ofCards, 0],
  // Only its result contains the terminal.
  ["counted for its card, and both states are flagged", ofTerminals, 2],
])("if the archive lacks the result of an update, the update is %s", async (_name, engine, flaggedStates) => {
  history = await TestHistory.open(engine);
  const isUpdate = ({ topic }: OutgoingRecord) => topic === "payment-updates";
  const all = events("a", 12, 3);
  // The payments are counted first, so that the cards remember their terminals.
  for (const some of [all.filter((record) => !isUpdate(record)), all.filter(isUpdate)]) {
    await history.producer.send(some);
    await history.count();
  }
  const before = await history.states();
  const [{ partition: first } = { partition: -1 }] = await history.read("applied-payment-updates");
  await history.archiveWithout(
    "applied-payment-updates",
    (record) => record.offset === 0 && record.partition === first,
  );
  await history.archive(["features", "transactions", "paymentUpdates"]);
  await history.redis.flushdb();
  const { lost, flagged } = await history.rebuild();
  expect(lost.join("\n")).toContain("The archive has no record at applied-payment-updates/");
  expect(flagged).toBe(flaggedStates);
  if (flaggedStates === 0) expect(await history.states()).toEqual(before);
});

test("regression #28: a terminal is flagged if only its last update is lost", async () => {
  history = await TestHistory.open(ofTerminals);
  const idsOf = (number: number) => ({ clientTransactionId: `p-${number}`, cardToken: cardOf(number) });
  const payments = [1, 2].map((number) => paymentRecord(payment({ ...idsOf(number), terminalId: `t-${number}` })));
  const updates = [1, 2].map((number) => updateRecord(update(idsOf(number))));
  for (const some of [payments, updates]) {
    await history.producer.send(some);
    await history.count();
  }
  const before = await history.states();
  const isLost = ({ value }: IncomingRecord) => AppliedPaymentUpdate.decode(value).update?.cardToken === cardOf(1);
  await history.archiveWithout("applied-payment-updates", isLost);
  await history.archive(["features", "transactions", "paymentUpdates"]);
  await history.redis.flushdb();
  // The card's state is exact.
  expect(await history.rebuild()).toMatchObject({ flagged: 1 });
  const after = await history.states();
  const differing = [...before].flatMap(([key, bytes]) => (after.get(key)?.equals(bytes) === true ? [] : [key]));
  expect(differing).toEqual([expect.stringContaining("t-1")]);
});
