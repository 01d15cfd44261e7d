import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { DeclinedBy, PaymentUpdateKind, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "@tripline/lake/log/list-files";
import type { LakeRow } from "@tripline/lake/read/read-rows";
import { readConfig } from "@tripline/settings/read-config";
import { archiveConfig } from "./config.js";
import { readinessOf, TestBench, until } from "./testing/bench.js";
import {
  appliedOf,
  appliedRecord,
  appliedUpdateOf,
  appliedUpdateRecord,
  cardOf,
  DAY_MS,
  decisionOf,
  decisionRecord,
  driftOf,
  driftRecord,
  labelOf,
  labelRecord,
  NOON_MS,
  transactionOf,
  transactionRecord,
  updateOf,
  updateRecord,
  vectorOf,
  vectorRecord,
} from "./testing/records.js";

const {
  transactions,
  labels,
  features,
  appliedLabels,
  paymentUpdates,
  appliedPaymentUpdates,
  decisions,
  driftDetected,
} = TOPICS;
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

let bench: TestBench;

beforeEach(async () => {
  bench = await TestBench.open();
});

afterEach(() => bench.close());

const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** The row that a message should have, without Kafka's metadata. */
function rowOf(message: object): LakeRow {
  const fields = Object.entries(message).map(([name, value]) => [snake(name), value === undefined ? null : value]);
  return Object.fromEntries(fields);
}
function withoutKafka({ kafka_partition: _p, kafka_offset: _o, kafka_timestamp_ms: _t, ...row }: LakeRow): LakeRow {
  return row;
}
const byId = (name: string, rows: readonly LakeRow[]) => new Map(rows.map((row) => [row[name], withoutKafka(row)]));

test("writes a record of every topic as a row that preserves all its values exactly", async () => {
  await bench.start();
  const plain = rowOf(Transaction.decode(new Uint8Array()));
  const odd = transactionOf(1, {
    tenant: "Zürich 🏦",
    clientTransactionId: "nul\0 ' \" \\ \u{1F4B3} 漢字",
    amountMinor: Number.MAX_SAFE_INTEGER,
    latitude: -0,
    longitude: 5e-324,
    personal: Buffer.of(1, 0, 255),
  });
  const values = [-0, 5e-324, -Number.MAX_VALUE, 0.1 + 0.2, 1 / 3, Number.EPSILON, 2 ** 53 + 2, 0];
  const vector = vectorOf(2, { values, sequences: [Number.MAX_SAFE_INTEGER, 0] });
  const empty = vectorOf(3, { values: [], sequences: [] });
  const decision = decisionOf(4, { reasons: [], score: undefined });
  const traced = { [HEADERS.traceparent]: TRACEPARENT };
  const refund = updateOf(1, {
    kind: PaymentUpdateKind.REFUNDED,
    declinedBy: DeclinedBy.UNSPECIFIED,
    issuerCode: "",
    amountMinor: 250,
    currency: "EUR",
  });
  await bench.send([
    transactionRecord(odd, traced),
    labelRecord(labelOf(1)),
    vectorRecord(vector, traced),
    vectorRecord(empty),
    appliedRecord(appliedOf(1)),
    updateRecord(refund, traced),
    appliedUpdateRecord(appliedUpdateOf(1)),
    decisionRecord(decisionOf(5)),
    decisionRecord(decision),
    driftRecord(driftOf(6)),
  ]);
  for (const { name } of Object.values(TOPICS)) await bench.untilArchived(name);

  const own = (ms: number, traceparent: string | null = null) => ({ traceparent, event_time: new Date(ms) });
  const [transaction] = await bench.rows(transactions.name);
  expect(withoutKafka(transaction ?? {})).toEqual({ ...own(NOON_MS + 1, TRACEPARENT), ...plain, ...rowOf(odd) });
  expect(transaction).toMatchObject({ kafka_offset: 0, kafka_partition: expect.any(Number) });
  expect(Math.abs(Number(transaction?.kafka_timestamp_ms) - Date.now())).toBeLessThan(120_000);

  const [label] = await bench.rows(labels.name);
  expect(withoutKafka(label ?? {})).toEqual({ ...own(NOON_MS + 1), ...rowOf(labelOf(1)) });

  const vectors = byId("transaction_id", await bench.rows(features.name));
  for (const [message, traceparent] of [
    [vector, TRACEPARENT],
    [empty, null],
  ] as const) {
    const { transaction: inner, ...rest } = message;
    const expected = { ...own(inner?.occurredAtMs ?? 0, traceparent), ...plain, ...rowOf(inner ?? {}), ...rowOf(rest) };
    expect(vectors.get(inner?.transactionId ?? "")).toEqual(expected);
  }
  const [applied] = await bench.rows(appliedLabels.name);
  const { label: inner, ...rest } = appliedOf(1);
  expect(withoutKafka(applied ?? {})).toEqual({ ...own(NOON_MS + 1), ...rowOf(inner ?? {}), ...rowOf(rest) });

  const [update] = await bench.rows(paymentUpdates.name);
  const refunded = { kind: "refunded", declined_by: "unspecified" };
  expect(withoutKafka(update ?? {})).toEqual({ ...own(NOON_MS + 1, TRACEPARENT), ...rowOf(refund), ...refunded });
  const [appliedUpdate] = await bench.rows(appliedPaymentUpdates.name);
  const { update: updateInside, ...position } = appliedUpdateOf(1);
  const declined = { kind: "declined", declined_by: "issuer", amount_minor: null };
  expect(withoutKafka(appliedUpdate ?? {})).toEqual({
    ...own(NOON_MS + 1),
    ...rowOf(updateInside ?? {}),
    ...rowOf(position),
    ...declined,
  });

  const decided = byId("transaction_id", await bench.rows(decisions.name));
  const names = { outcome: "decline", rung: "model" };
  const unset = {
    trial_role: null,
    candidate_version: null,
    candidate_missing: null,
    candidate_score: null,
    champion_score: null,
    exploration_probability: null,
  };
  expect(decided.get("txn_5")).toEqual({
    ...own(NOON_MS + 5),
    ...rowOf(decisionOf(5)),
    ...names,
    ...unset,
    reasons: [{ code: "A", text: "Reason 5", outcome: "review" }],
  });
  expect(decided.get("txn_4")).toEqual({ ...own(NOON_MS + 4), ...rowOf(decision), ...names, ...unset });

  const [drift] = await bench.rows(driftDetected.name);
  const columns = [{ column: "amount", kind: "feature", distance: 0.5, threshold: 0.1, p_value: 1e-9 }];
  expect(withoutKafka(drift ?? {})).toEqual({ ...own(NOON_MS + 6), ...rowOf(driftOf(6)), columns });
});

test("writes each row, even a late one, to the Hive partition for the UTC day of its event", async () => {
  await bench.start();
  const midnightMs = Date.UTC(2024, 1, 29);
  const days = new Map([
    ["2024-02-28", [midnightMs - 1, midnightMs - DAY_MS]],
    ["2024-02-29", [midnightMs, midnightMs + DAY_MS - 1]],
    ["2024-03-01", [midnightMs + DAY_MS]],
    ["2023-12-31", [Date.UTC(2024, 0, 1) - 1]],
  ]);
  const timesMs = [...days.values()].flat();
  await bench.send(timesMs.map((occurredAtMs, number) => transactionRecord(transactionOf(number, { occurredAtMs }))));
  await bench.untilArchived(transactions.name);
  // A late event arrives for a day that already has files.
  const late = transactionOf(99, { occurredAtMs: midnightMs - 7 });
  await bench.send([transactionRecord(late)]);
  await bench.untilArchived(transactions.name);
  days.get("2024-02-28")?.push(late.occurredAtMs);

  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const glob = join(bench.lake, transactions.name, "**", "*.parquet");
  const result = await connection.runAndReadAll(
    `SELECT strftime(day, '%Y-%m-%d'), list(occurred_at_ms ORDER BY occurred_at_ms)::VARCHAR
     FROM read_parquet('${glob}', hive_partitioning = true) GROUP BY day ORDER BY day`,
  );
  const expected = [...days].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(result.getRowsJson()).toEqual(
    expected.map(([day, ms]) => [day, `[${[...ms].sort((a, b) => a - b).join(", ")}]`]),
  );
  const codecs = await connection.runAndReadAll(`SELECT DISTINCT compression FROM parquet_metadata('${glob}')`);
  expect(codecs.getRowsJson()).toEqual([["ZSTD"]]);
  connection.closeSync();
  instance.closeSync();
  for (const [day, ms] of days) expect(await bench.rows(transactions.name, [day])).toHaveLength(ms.length);
});

test("dead-letters an unreadable record once, and writes all others as rows", async () => {
  const service = await bench.start();
  const good = Array.from({ length: 10 }, (_, number) =>
    transactionRecord(transactionOf(number, { cardToken: cardOf(1) })),
  );
  const [first] = good;
  const bad = (value: Uint8Array) => ({ topic: transactions.name, key: cardOf(1), headers: {}, value });
  const poison = [
    bad(Buffer.from([0xff, 0x00])),
    bad(Buffer.alloc(0)),
    { ...bad(first?.value ?? Buffer.alloc(0)), headers: { [HEADERS.schema]: labels.schema } },
  ];
  await bench.send([...good.slice(0, 4), ...poison.slice(0, 1), ...good.slice(4), ...poison.slice(1)]);
  await bench.untilArchived(transactions.name);
  const letters = async () => (await bench.admin.endOffsets(deadLetterTopic(transactions.name))).get(0);
  expect(await letters()).toBe(3);
  expect((await bench.rows(transactions.name)).map(({ transaction_id }) => transaction_id)).toEqual(
    good.map((_, number) => `txn_${number}`),
  );
  await service.close();

  // The next process starts after the last dead letter, although dead letters have no rows in the lake.
  await bench.start();
  await bench.send([transactionRecord(transactionOf(11, { cardToken: cardOf(1) }))]);
  await bench.untilArchived(transactions.name);
  expect(await letters()).toBe(3);
  expect(await bench.rows(transactions.name)).toHaveLength(11);
});

test("writes rows once they reach the maximum age, even if there are only a few", async () => {
  await bench.start({ FLUSH_AGE_MS: "500" });
  await bench.send([labelRecord(labelOf(1))]);
  await bench.untilArchived(labels.name);
  expect(await bench.rows(labels.name)).toHaveLength(1);
  expect(await readdir(join(bench.lake, labels.name, "_staging"))).toEqual([]);
});

test("fills a new lake with everything in Kafka, regardless of the committed offsets", async () => {
  const service = await bench.start();
  await bench.send(Array.from({ length: 50 }, (_, number) => labelRecord(labelOf(number))));
  await bench.untilArchived(labels.name);
  await service.close();
  const other = `${bench.lake}/other`;
  await bench.start({ LAKE_URL: other });
  await until("all rows in the other lake", async () => {
    const { positions } = await listFiles(other, labels.name).catch(() => ({ positions: new Map() }));
    return [...positions.values()].reduce((sum, end) => sum + end, 0) === 50;
  });
});

test("rejects a lake that belongs to another topic, is not ready, and says how to fix it", async () => {
  const first = await bench.start();
  await bench.send([labelRecord(labelOf(1))]);
  await bench.untilArchived(labels.name);
  await first.close();
  const other = await TestBench.open();
  try {
    const service = await other.start({ LAKE_URL: bench.lake });
    await until("a sentence", async () => (await readinessOf(service)).checks.lake?.includes("LAKE_URL") ?? false);
    expect((await readinessOf(service)).status).toBe(503);
  } finally {
    await other.close();
  }
});

test("without Kafka, the service runs, is not ready, and stops on request", async () => {
  const service = await bench.start({ KAFKA_BROKERS: "127.0.0.1:1" });
  expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  const { status, checks } = await readinessOf(service);
  expect([status, checks.kafka]).toEqual([503, "The consumer of the group archive is not running."]);
  await service.close();
});

test.each([
  ["no lake", { LAKE_URL: "" }, "LAKE_URL"],
  ["no rows", { FLUSH_ROWS_MAX: "0" }, "FLUSH_ROWS_MAX"],
  ["an invalid time", { FLUSH_AGE_MS: "soon" }, "FLUSH_AGE_MS"],
  ["too many bytes", { FLUSH_BYTES_MAX: String(2 ** 40) }, "FLUSH_BYTES_MAX"],
])("rejects a configuration with %s and names the setting", (_name, change, variable) => {
  expect(() => readConfig(archiveConfig, bench.environment(change))).toThrow(variable);
});
