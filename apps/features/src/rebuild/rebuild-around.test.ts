import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord } from "@tripline/kafka/port";
import { cardOf, label, labelRecord, payment, paymentRecord, paymentsOf, START_MS, TENANT } from "../testing/events.js";
import { TestHistory, UNREADABLE } from "../testing/history.js";
import { COMPLETE_KEY, engine, keyOf } from "../testing/instance.js";

/* Rebuilds from a lake that lacks some results. */

let history: TestHistory;

beforeEach(async () => {
  history = await TestHistory.open();
});
afterEach(() => history.close());

async function counted(name: string, count: number): Promise<void> {
  await history.producer.send(paymentsOf(name, count));
  await history.count();
}

/** Whether the next vector of card 0 at terminal `t-1` is flagged as incomplete. */
async function isFlagged(name: string): Promise<boolean | undefined> {
  await history.producer.send(paymentsOf(name, 1));
  await history.serve();
  return history.isIncomplete(`${name}-0`);
}

const statesOf = (all: ReadonlyMap<string, Buffer>) => [...all].filter(([key]) => key.startsWith("state:"));

test("regression #24: names the uncounted records and keeps all states", async () => {
  await counted("a", 6);
  const topics = ["transactions", "features", "labels", "applied-labels"] as const;
  await history.producer.send(topics.map((topic) => ({ topic, key: "", value: UNREADABLE, headers: {} })));
  await counted("b", 3);
  const before = await history.stored();
  await history.redis.flushdb();
  await history.archive();
  const report = await history.rebuild();
  expect(report).toMatchObject({ events: 9, flagged: 0 });
  expect(report.lost).toEqual([
    expect.stringMatching(/^The archive has no record at features\/\d@\d\.$/),
    expect.stringContaining("1 of these were not results of features"),
    expect.stringMatching(/^The archive has no record at applied-labels\/\d@\d\.$/),
    expect.stringContaining("1 of these were not results of features"),
  ]);
  expect(statesOf(await history.stored())).toEqual(statesOf(before));
  expect(await isFlagged("c")).toBe(false);
});

test("regression #24: a payment whose feature vector is missing is counted in order, and all states are unchanged", async () => {
  await counted("a", 6);
  const [lost] = await history.read(TOPICS.features.name);
  await history.archiveWithout("features", ({ partition, offset }) => partition === lost?.partition && offset === 0);
  await history.archive(["appliedLabels", "transactions", "labels"]);
  const before = await history.stored();
  const report = await history.rebuild();
  const { transactionId } = FeatureVector.decode(lost?.value ?? UNREADABLE).transaction ?? {};
  expect(report).toMatchObject({ events: 6, flagged: 0 });
  expect(report.lost).toContainEqual(expect.stringContaining(`${transactionId} of card`));
  expect(statesOf(await history.stored())).toEqual(statesOf(before));
  expect(await isFlagged("b")).toBe(false);
});

test.each([
  ["", [], []],
  [
    ", including those that depend on them in a lake from an earlier version",
    ["explained"],
    [keyOf("terminal", "t-8")],
  ],
])(
  "regression #24: if the order of events is unknown, only the affected states are flagged, until their windows have passed%s",
  async (_case, columnsLeftOut, judged) => {
    const other = payment({
      clientTransactionId: "o",
      cardToken: cardOf(9),
      terminalId: "t-9",
      occurredAtMs: START_MS,
    });
    await history.producer.send([paymentRecord(other)]);
    await counted("a", 6);
    // Card 0's history determines whether its fraud counts for this terminal. Its state is uncertain, but the label's record
    // also says so, unless an earlier version wrote the record. The state of card 1 is certain.
    const fraudOf = (card: number, terminalId: string) =>
      labelRecord(label({ clientTransactionId: terminalId, cardToken: cardOf(card), terminalId }));
    await history.producer.send([fraudOf(0, "t-8"), fraudOf(1, "t-7")]);
    await history.count();
    const isCard0 = ({ value }: IncomingRecord) =>
      value.length > UNREADABLE.length && FeatureVector.decode(value).transaction?.cardToken === cardOf(0);
    await history.archiveWithout("features", isCard0);
    await history.archive(["appliedLabels"], undefined, columnsLeftOut);
    await history.archive(["transactions", "labels"]);
    const before = new Map(statesOf(await history.stored()));
    await history.redis.flushdb();
    expect(await history.rebuild()).toMatchObject({ flagged: 2 + judged.length });
    const after = new Map(statesOf(await history.stored()));
    const certain = [
      keyOf("card", cardOf(9)),
      keyOf("card", cardOf(1)),
      keyOf("terminal", "t-9"),
      keyOf("terminal", "t-7"),
      ...(judged.length === 0 ? [keyOf("terminal", "t-8")] : []),
    ];
    for (const key of certain) {
      expect(after.get(key)).toEqual(before.get(key));
    }
    // `b-0` belongs to card 0; the other card shares no entity with the missing event.
    expect(await isFlagged("b")).toBe(true);
    await history.producer.send([paymentRecord({ ...other, ...ids("o-2"), occurredAtMs: START_MS + 60_000 })]);
    await history.serve();
    expect(await history.isIncomplete("o-2")).toBe(false);
    const [mark = "", second = ""] = (await history.redis.get(COMPLETE_KEY))?.split("\n") ?? [];
    const { untilMs, keys } = JSON.parse(second) as { untilMs: number; keys: string[] };
    expect(keys.sort()).toEqual([keyOf("card", cardOf(0)), keyOf("terminal", "t-1"), ...judged]);
    expect(Math.abs(untilMs - Date.now() - engine.longestWindowMs)).toBeLessThan(120_000);
    await history.redis.set(COMPLETE_KEY, `${mark}\n${JSON.stringify({ untilMs: 1, keys })}`);
    expect(await isFlagged("c")).toBe(false);
  },
);

function ids(clientTransactionId: string) {
  return { clientTransactionId, transactionId: transactionId(TENANT, clientTransactionId) };
}
