import { Erasure, FraudReport, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, IncomingRecord } from "@tripline/kafka/port";
import { z } from "zod";
import { eraseProjection } from "../erasures/erase-projection.js";
import { LOCK_CLASS } from "../projection/projection-store.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { AT_MS, testReports, unique } from "../testing/test-reports.js";
import { lockReports } from "./add-reports.js";
import { matchReports } from "./match-reports.js";
import { ReportMatcher } from "./report-matcher.js";

let bed: TestBed;
let consumer: EventConsumer;
const read: IncomingRecord[] = [];

beforeAll(async () => {
  bed = await startTestBed();
  consumer = await bed.kafka.consume({
    group: unique("test"),
    topics: [TOPICS.labels.name, TOPICS.fraudReports.name],
    handle: async (batches) => {
      read.push(...batches.flatMap(({ records }) => records));
    },
    onStop: (error) => {
      throw error;
    },
  });
});

afterAll(async () => {
  await consumer?.close();
  await bed?.close();
});

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const { pay, send, stateOf, check, expectState, copy } = testReports(() => bed);
const ofCard = (topic: string, card: string): IncomingRecord[] =>
  read.filter((record) => record.topic === topic && record.key === card);
const labelsOf = (card: string): Label[] => ofCard(TOPICS.labels.name, card).map(({ value }) => Label.decode(value));
const candidateIds = z.array(z.looseObject({ transactionId: z.string() }));
const stateRow = z.object({ state: z.string() });

test("a report with a card, a day and an amount is matched, written again for the archive, and becomes a label", async () => {
  const card = newCard();
  const payment = await pay(card);
  await pay(card, {}, 999);
  const id = await send(card, { occurredAtMs: AT_MS - (AT_MS % DAY_MS) - 2 * DAY_MS, file: "tc40.csv" });
  await expectState(id, "amount");
  await eventually(async () => expect(ofCard(TOPICS.labels.name, card)).toHaveLength(1));
  const [label] = ofCard(TOPICS.labels.name, card).map(({ value }) => Label.decode(value));
  expect(label).toMatchObject({ fraud: true, reportId: id, occurredAtMs: AT_MS, terminalId: "T1" });
  await eventually(async () => expect(ofCard(TOPICS.fraudReports.name, card)).toHaveLength(2));
  const reports = ofCard(TOPICS.fraudReports.name, card).map(({ value }) => FraudReport.decode(value));
  expect(reports.map(({ reportId, transactionId, matchedBy }) => ({ reportId, transactionId, matchedBy }))).toEqual([
    { reportId: id, transactionId: "", matchedBy: "" },
    { reportId: id, transactionId: payment.transactionId, matchedBy: "amount" },
  ]);
  // Kafka may deliver the first record again.
  const again = ofCard(TOPICS.fraudReports.name, card)[0];
  if (again === undefined) throw new Error("it was read");
  await bed.producer.send([{ topic: again.topic, key: card, value: again.value, headers: {} }]);
  const later = await send(card, { occurredAtMs: AT_MS - 4 * DAY_MS });
  await expectState(later, "waiting");
  await expectState(id, "amount");
});

test("an acquirer reference without a card finds its own tenant's payment, even if the payment arrives later", async () => {
  const [card, reference] = [newCard(), unique("arn")];
  const foreign = testPayment("globex", { atMs: AT_MS, amountMinor: 1_000, fields: { acquirerReference: reference } });
  await bed.producer.send([foreign.vector]);
  const id = await send("", { acquirerReference: reference, amountMinor: undefined, currency: "" });
  await expectState(id, "waiting");
  await pay(card, { acquirerReference: reference });
  await expectState(id, "acquirer_reference");
  await eventually(async () => expect(ofCard(TOPICS.fraudReports.name, card)).toHaveLength(1));
});

test("regression #30: an ambiguous report is matched when its payment arrives", async () => {
  const card = newCard();
  await pay(card, {}, 999);
  const id = await send(card, {});
  await expectState(id, "ambiguous");
  await pay(card);
  await expectState(id, "amount");
});

test("regression #30: a match by amount waits until the card's other payments have been read", async () => {
  const card = newCard();
  await pay(card);
  const id = await send(card, {});
  await eventually(async () => expect(await stateOf(id)).toBe("waiting"));
  await bed.service.get(ReportMatcher).check();
  await expect(stateOf(id)).resolves.toBe("waiting");
  await expectState(id, "amount");
});

test("regression #30: a match by amount waits while the projection lags behind", async () => {
  const card = newCard();
  await pay(card);
  const id = await send(card, {});
  await eventually(async () => expect(await stateOf(id)).toBe("waiting"));
  // A time after any projection progress that other tests have caused.
  await bed.database.execute("UPDATE console.unmatched_reports SET read_at_ms = $2 WHERE report_id = $1", [
    id,
    Date.now() + 20 * 60_000,
  ]);
  await bed.database.transaction(async (transaction) => {
    for (let partition = 0; partition < TOPICS.features.partitions; partition += 1) {
      await transaction.execute("SELECT pg_advisory_xact_lock($1, $2)", [LOCK_CLASS, partition]);
    }
    await bed.producer.send([testPayment(bed.tenant, { card, atMs: AT_MS, amountMinor: 1_000 }).vector]);
    await check(40);
    await expect(stateOf(id)).resolves.toBe("waiting");
  });
  await expectState(id, "ambiguous", 40);
});

test("regression #30: a payment after the day of the report does not match, and no label is earlier than its payment", async () => {
  const card = newCard();
  const today = AT_MS - (AT_MS % DAY_MS);
  await pay(card, { occurredAtMs: today + 2 * DAY_MS });
  const id = await send(card, { occurredAtMs: today, reportedAtMs: today });
  await expectState(id, "waiting");
  await pay(card, { occurredAtMs: today + 5_000 });
  await expectState(id, "amount");
  await eventually(async () => expect(ofCard(TOPICS.labels.name, card)).toHaveLength(1));
  const [label] = ofCard(TOPICS.labels.name, card).map(({ value }) => Label.decode(value));
  expect(label).toMatchObject({ occurredAtMs: today + 5_000, labelledAtMs: today + 5_000 });
});

test.each([
  ["east", -HOUR_MS, 9 * HOUR_MS],
  ["west", 0, 26 * HOUR_MS],
])("regression #30: a report of the same day matches in a time zone %s of UTC", async (_title, midnight, time) => {
  const [card, day] = [newCard(), AT_MS - (AT_MS % DAY_MS)];
  await pay(card, { occurredAtMs: day + time });
  await expectState(await send(card, { occurredAtMs: day + midnight, reportedAtMs: day + midnight }), "amount");
});

test("regression #30: a version that corrects the card finds its own payment, and older versions use the newer version's payment", async () => {
  const [wrong, right, reportId] = [newCard(), newCard(), unique("d")];
  const [first, second] = [unique("arn"), unique("arn")];
  await pay(wrong, { acquirerReference: first });
  const payment = await pay(right, { acquirerReference: second });
  const one = await send(wrong, { acquirerReference: first }, reportId);
  await expectState(one, "acquirer_reference");
  const two = await send(right, { version: 2, acquirerReference: second }, reportId);
  await expectState(two, "acquirer_reference");
  const card = "SELECT card_token AS state FROM console.fraud_reports WHERE report_id = $1";
  expect(await bed.database.query(stateRow, card, [two])).toEqual([{ state: right }]);

  const [other, ids] = [unique("d"), { transactionId: payment.transactionId, clientTransactionId: "p" }];
  const old = await send(newCard(), {}, other);
  await expectState(old, "waiting");
  await send(right, { ...ids, version: 2 }, other);
  await expectState(old, "earlier_version");
});

test("regression #30: a version that contradicts the matched payment reverses that payment's label, even before the version itself is matched", async () => {
  const [wrong, right, reportId] = [newCard(), newCard(), unique("d")];
  await pay(wrong);
  await expectState(await send(wrong, {}, reportId), "amount");
  await eventually(async () => expect(labelsOf(wrong)).toMatchObject([{ fraud: true }]));
  const corrected = await send(right, { version: 2 }, reportId);
  const reversed = { fraud: false, labelledAtMs: AT_MS + 2, replacedAtMs: AT_MS + 1 };
  await eventually(async () => expect(labelsOf(wrong)).toMatchObject([{ fraud: true }, reversed]));
  await expectState(corrected, "waiting");
  await pay(right);
  await expectState(corrected, "amount");
  await eventually(async () => expect(labelsOf(right)).toMatchObject([{ fraud: true }]));
  expect(labelsOf(wrong)).toHaveLength(2);
});

test("regression #30: a report is not matched to a payment that its newer version contradicts, not even by a user", async () => {
  const [wrong, right, reportId] = [newCard(), newCard(), unique("d")];
  const payment = await pay(wrong);
  await pay(wrong);
  const id = await send(wrong, {}, reportId);
  await expectState(id, "ambiguous");
  const corrected = await send(right, { version: 2 }, reportId);
  await expectState(corrected, "waiting");
  const analyst = await bed.as(bed.people.analyst);
  const path = `/api/fraud-reports/unmatched/${id}`;
  await expect(analyst.get(`${path}/candidates`)).resolves.toMatchObject({ body: [] });
  await expect(analyst.post(`${path}/match`, { transactionId: payment.transactionId })).resolves.toMatchObject({
    status: 404,
  });
  await expectState(id, "waiting");
  await pay(right);
  await expectState(corrected, "amount");
  await expectState(id, "earlier_version");
  expect(labelsOf(wrong)).toEqual([]);
});

test("regression #30: a report that was withdrawn before its payment arrived never becomes a label", async () => {
  const [card, reportId] = [newCard(), unique("d")];
  const id = await send(card, {}, reportId);
  const withdrawn = await send(card, { version: 2, withdrawn: true }, reportId);
  await expectState(withdrawn, "waiting");
  await pay(card);
  // Makes only the first version due for a check.
  await bed.database.execute("UPDATE console.unmatched_reports SET checked_at_ms = $1", [Date.now() + DAY_MS]);
  await bed.database.execute("UPDATE console.unmatched_reports SET checked_at_ms = 0 WHERE report_id = $1", [id]);
  await bed.service.get(ReportMatcher).check(Date.now() + 10 * 60_000);
  await expectState(withdrawn, "amount");
  await expectState(id, "earlier_version");
  const queued = "SELECT fraud::text AS state FROM console.labels WHERE counted_card_token = $1";
  expect(await bed.database.query(stateRow, queued, [card])).toEqual([]);
});

test("regression #30: the first content of a version is kept, and a different one is marked", async () => {
  const [card, reportId] = [newCard(), unique("d")];
  const id = await send(card, {}, reportId);
  await send(card, { amountMinor: 5 }, reportId);
  const waiting =
    "SELECT amount_minor || ' ' || is_conflicting AS state FROM console.unmatched_reports WHERE report_id = $1";
  await eventually(async () =>
    expect(await bed.database.query(stateRow, waiting, [id])).toEqual([{ state: "1000 true" }]),
  );
  await pay(card);
  await expectState(id, "amount");
  const matched = waiting.replace("unmatched_reports", "fraud_reports");
  expect(await bed.database.query(stateRow, matched, [id])).toEqual([{ state: "1000 true" }]);
});

test("regression #30: if a card has too many payments, a user decides, and may choose even the oldest payment", async () => {
  const card = newCard();
  const payment = await pay(card);
  await copy(payment, 201, "'amount_minor', 2000 + n, 'occurred_at_ms', p.occurred_at_ms + n");
  const id = await send(card, {});
  await expectState(id, "ambiguous");
  const analyst = await bed.as(bed.people.analyst);
  const path = `/api/fraud-reports/unmatched/${id}`;
  const { body } = await analyst.get(`${path}/candidates`);
  expect(candidateIds.parse(body)[0]?.transactionId).toBe(payment.transactionId);
  await analyst.post(`${path}/match`, { transactionId: payment.transactionId });
  await expectState(id, "user");
});

test.each([
  ["other references", "'acquirer_reference', 'other-' || n"],
  ["the same amount in another currency", "'currency', 'USD'"],
])("regression #30: two possible payments are ambiguous, even among many with %s", async (_title, changes) => {
  const card = newCard();
  const first = await pay(card);
  await copy(first, 25, `${changes}, 'occurred_at_ms', p.occurred_at_ms + n`);
  await copy(first, 1, "'transaction_id', p.transaction_id || 'x', 'occurred_at_ms', p.occurred_at_ms + 1000");
  await expectState(await send(card, { acquirerReference: unique("arn") }), "ambiguous");
});

test("a user decides between several payments, for all versions, and only among the candidates", async () => {
  const [card, reportId] = [newCard(), unique("d")];
  const [first, second] = [await pay(card), await pay(card)];
  const id = await send(card, {}, reportId);
  const later = await send(card, { version: 2, withdrawn: true }, reportId);
  await expectState(later, "ambiguous");
  const [viewer, analyst, stranger] = [
    await bed.as(bed.people.viewer),
    await bed.as(bed.people.analyst),
    await bed.as(testPeople("other").viewer),
  ];
  const path = `/api/fraud-reports/unmatched/${id}`;
  const page = z.object({ reports: z.array(z.looseObject({ id: z.string(), card: z.string() })) });
  const shown = page.parse((await viewer.get("/api/fraud-reports/unmatched?limit=200")).body).reports;
  expect(shown.map((one) => one.id)).toEqual(expect.arrayContaining([id, later]));
  expect(JSON.stringify(shown)).not.toContain(card);
  const candidates = candidateIds.parse((await viewer.get(`${path}/candidates`)).body);
  expect(candidates.map(({ transactionId }) => transactionId).toSorted()).toEqual(
    [first.transactionId, second.transactionId].toSorted(),
  );
  await expect(stranger.get(`${path}/candidates`)).resolves.toMatchObject({ status: 404 });
  expect((await stranger.get("/api/fraud-reports/unmatched?limit=200")).body).toEqual({ reports: [], next: null });
  await expect(viewer.post(`${path}/match`, { transactionId: first.transactionId })).resolves.toMatchObject({
    status: 403,
  });
  const other = await pay(newCard());
  await expect(analyst.post(`${path}/match`, { transactionId: other.transactionId })).resolves.toMatchObject({
    status: 404,
  });
  await expect(analyst.post(`${path}/match`, { transactionId: first.transactionId })).resolves.toMatchObject({
    status: 204,
  });
  const noted =
    "SELECT subject_id AS state FROM console.audit_outbox WHERE action = 'report-matched' AND subject_id = $1";
  expect(await bed.database.query(stateRow, noted, [id])).toHaveLength(1);
  await expectState(id, "user");
  await expectState(later, "user");
  await expectState(await send(card, { version: 3 }, reportId), "earlier_version");
});

test("reports that wait too long expire, and an erasure deletes those of its card", async () => {
  const [card, kept] = [newCard(), newCard()];
  const [id, other] = [await send(card, {}), await send(kept, {})];
  await expectState(id, "waiting");
  await expectState(other, "waiting");
  await bed.database.execute("UPDATE console.unmatched_reports SET read_at_ms = $2 WHERE report_id = $1", [
    other,
    Date.now() - 31 * DAY_MS,
  ]);
  await bed.service.get(ReportMatcher).check();
  await expectState(other, "expired");
  await expectState(id, "waiting");
  const value = Erasure.encode({ tenant: bed.tenant, subject: card, erasedAtMs: Date.now() }).finish();
  await bed.producer.send([{ topic: TABLES.erasures.name, key: `${bed.tenant}/${card}`, value, headers: {} }]);
  await eventually(async () => expect(await stateOf(id)).toBeUndefined());
  await expectState(other, "expired");
});

test("regression #30: the longer a report waits, the less often it is checked", async () => {
  const id = await send(newCard(), {});
  await expectState(id, "waiting");
  const aged = "UPDATE console.unmatched_reports SET read_at_ms = $2, checked_at_ms = 0 WHERE report_id = $1";
  await bed.database.execute(aged, [id, Date.now() - DAY_MS]);
  await bed.service.get(ReportMatcher).check();
  const checked = "SELECT state FROM console.unmatched_reports WHERE report_id = $1 AND checked_at_ms > $2";
  const found = await bed.database.query(stateRow, checked, [id, Date.now() + 50 * 60_000]);
  expect(found).toHaveLength(1);
});

test("regression #30: an erasure during a match deletes the matched report", async () => {
  const card = newCard();
  await pay(card);
  const id = await send(card, {});
  await eventually(async () => expect(await stateOf(id)).toBe("waiting"));
  const blocked = `SELECT 'blocked' AS state FROM pg_locks
    WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`;
  let erasing: Promise<void> | undefined;
  await bed.database.transaction(async (transaction) => {
    await lockReports(transaction);
    const locking = "SELECT state FROM console.unmatched_reports WHERE report_id = $1 FOR UPDATE";
    await transaction.query(stateRow, locking, [id]);
    erasing = eraseProjection(bed.database, { tenant: bed.tenant, subject: card });
    await eventually(async () => expect(await transaction.query(stateRow, blocked, [])).not.toEqual([]));
    // A day after the report was read.
    const nowMs = Date.now() + DAY_MS;
    expect(await matchReports(transaction, [id], nowMs, nowMs)).toMatchObject({ counted: [{ kind: "chargeback" }] });
  });
  await erasing;
  await expect(stateOf(id)).resolves.toBeUndefined();
});

test("the reconciliation counts reports by file: matched, unmatched, duplicate, and with other amounts", async () => {
  const [card, file, reference] = [newCard(), unique("tc40"), unique("arn")];
  await pay(card, { acquirerReference: reference });
  const ids = [
    await send(card, { file }),
    await send(card, { file, amountMinor: 400, acquirerReference: reference }),
    await send(newCard(), { file }),
  ];
  await expectState(ids[0] ?? "", "amount");
  await expectState(ids[1] ?? "", "acquirer_reference");
  await expectState(ids[2] ?? "", "waiting");
  const viewer = await bed.as(bed.people.viewer);
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const query = `?file=${file}&from=${dayOf(AT_MS - DAY_MS)}&to=${dayOf(Date.now())}`;
  const line = { file, kind: "chargeback", currency: "EUR", reports: 3, matched: 2, unmatched: 1, duplicates: 1 };
  await expect(viewer.get(`/api/fraud-reports/reconciliation${query}`)).resolves.toMatchObject({
    body: { lines: [{ ...line, amountDiffers: 1, amountMinor: 2_400 }] },
  });
  await expect(viewer.get(`/api/fraud-reports/reconciliation?file=${file}`)).resolves.toMatchObject({
    body: { lines: [line] },
  });
  await expect(viewer.get("/api/fraud-reports/reconciliation")).resolves.toMatchObject({ status: 422 });
  const csv = await viewer.get(`/api/fraud-reports/reconciliation.csv${query}`);
  expect(JSON.stringify(csv.body)).toContain(`${file},chargeback,EUR,3,2,1,1,1,2400`);
  // regression #30: a withdrawn report is not counted, and the highest version decides which file a report belongs to.
  const [moved, withdrawn, other] = [unique("d"), unique("d"), newCard()];
  await pay(other);
  await expectState(await send(other, { file }, moved), "amount");
  await expectState(await send(other, { version: 2, file: unique("tc40") }, moved), "earlier_version");
  await expectState(await send(other, { file }, withdrawn), "amount");
  await expectState(await send(other, { version: 2, withdrawn: true, file }, withdrawn), "earlier_version");
  await expect(viewer.get(`/api/fraud-reports/reconciliation?file=${file}`)).resolves.toMatchObject({
    body: { lines: [line] },
  });
  const stranger = await bed.as(testPeople("other").viewer);
  expect((await stranger.get(`/api/fraud-reports/reconciliation${query}`)).body).toEqual({ lines: [] });
  await expect(viewer.get("/api/fraud-reports/reconciliation?from=2026-02-01&to=2026-01-01")).resolves.toMatchObject({
    status: 422,
  });
});
