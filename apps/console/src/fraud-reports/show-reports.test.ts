import type { FraudReport } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Erasure,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Label,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { fraudReportId, labelId, transactionId } from "@tripline/contracts/identifiers";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, IncomingRecord } from "@tripline/kafka/port";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { z } from "zod";
import { exportCard } from "../erasures/export-card.js";
import { Retention } from "../projection/retention.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestPayment } from "../testing/test-records.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { reportsOf as reportRows } from "./add-reports.js";

let bed: TestBed;
let consumer: EventConsumer;
const labels: IncomingRecord[] = [];

beforeAll(async () => {
  bed = await startTestBed();
  consumer = await bed.kafka.consume({
    group: "test-report-labels",
    topics: [TOPICS.labels.name],
    handle: async (batches) => {
      labels.push(...batches.flatMap(({ records }) => records));
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

const idRow = z.object({ id: z.string() });
const detail = z.object({
  timeline: z.array(z.looseObject({ kind: z.string(), report: z.looseObject({ id: z.string() }).optional() })),
});

const reportsOf = (card: string) =>
  bed.database.query(idRow, "SELECT report_id AS id FROM console.fraud_reports WHERE card_token = $1", [card]);

const labelsOf = (card: string): Label[] =>
  labels.filter(({ key }) => key === card).map(({ value }) => Label.decode(value));

async function caseOf(card: string): Promise<string> {
  return eventually(async () => {
    const rows = await bed.database.query(idRow, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows[0]?.id ?? "";
  });
}

/** Report IDs are unique within a tenant. */
const idOf = (name: string, card: string): string => `${name}-${card.slice(3, 15)}`;

/** Sends reports one at a time, each after the console has read the previous report. */
async function report(payment: TestPayment, card: string, ...all: [id: string, change?: Partial<FraudReport>][]) {
  for (const [id, change] of all) {
    const before = (await reportsOf(card)).length;
    await bed.producer.send([payment.report(idOf(id, card), change)]);
    await eventually(async () => expect(await reportsOf(card)).toHaveLength(before + 1));
  }
}

async function counted(kind: string, finding: string): Promise<number> {
  const name = "tripline_console_fraud_reports_total";
  const series = new RegExp(`^${name}\\{kind="${kind}",finding="${finding}"\\} (\\d+)$`, "m");
  return Number(series.exec((await writeMetrics()).body)?.[1] ?? 0);
}

const eur = (amountMinor: number) => ({ amountMinor, currency: "EUR" });
const WON = { version: 2, stage: FraudReportStage.WON, verdict: FraudVerdict.GENUINE } as const;

test("a TC40 report and a chargeback produce one label, a won representment reverses it, and all are shown", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const payment = testPayment(bed.tenant, { card, atMs, amountMinor: 1_000, id: `order-${card.slice(3, 15)}` });
  await bed.producer.send([payment.vector, payment.decision]);
  const id = await caseOf(card);
  await report(
    payment,
    card,
    ["tc-1", { kind: FraudReportKind.TC40, reportedAtMs: atMs + 1 }],
    ["d-1", { ...eur(400), reportedAtMs: atMs + 2 }],
    ["d-1", { ...WON, ...eur(1_001), reportedAtMs: atMs + 3 }],
  );
  await eventually(async () => expect(labelsOf(card)).toHaveLength(2));
  const [first, second] = labelsOf(card);
  const common = { tenant: bed.tenant, cardToken: card, terminalId: "T1", policyVersion: "default-1" };
  expect(first).toMatchObject({ ...common, fraud: true, source: "tc40", replacedAtMs: undefined });
  expect(first?.labelId).not.toBe(labelId(bed.tenant, first?.clientTransactionId ?? ""));
  expect(second).toMatchObject({ ...common, fraud: false, source: "chargeback", replacedAtMs: first?.labelledAtMs });
  expect(second?.labelId).not.toBe(first?.labelId);
  const browser = await bed.as(bed.people.viewer);
  const { timeline } = detail.parse((await browser.get(`/api/cases/${id}`)).body);
  expect(timeline.map(({ kind, report: shown }) => shown ?? kind)).toMatchObject([
    {
      reportId: idOf("d-1", card),
      version: 2,
      stage: "won",
      verdict: "genuine",
      amountMinor: 1_001,
      finding: "over-amount",
    },
    "label",
    {
      reportId: idOf("d-1", card),
      version: 1,
      kind: "chargeback",
      stage: "received",
      reasonCode: "10.4",
      amountMinor: 400,
    },
    { reportId: idOf("tc-1", card), kind: "tc40", verdict: "fraud", policyVersion: "default-1", finding: null },
    "payment",
  ]);
  expect(JSON.stringify(timeline)).not.toContain(card);
  // A repeated report changes nothing.
  await bed.producer.send([payment.report(idOf("d-1", card), eur(400))]);
  const stranger = await bed.as(testPeople(`${bed.tenant}-x`).viewer);
  await expect(stranger.get(`/api/cases/${id}`)).resolves.toMatchObject({ status: 404 });
});

test("regression #30: a client's label between two derived labels has its own ID and is not reversed", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const payment = testPayment(bed.tenant, { card, atMs });
  await report(payment, card, ["d-1", { reportedAtMs: atMs + 1 }]);
  await eventually(async () => expect(labelsOf(card)).toHaveLength(1));
  await bed.producer.send([payment.label(false, atMs + 2)]);
  const ofClient = "SELECT transaction_id AS id FROM console.labels WHERE transaction_id = $1 AND report_id = ''";
  await eventually(async () =>
    expect(await bed.database.query(idRow, ofClient, [payment.transactionId])).toHaveLength(1),
  );
  await report(payment, card, ["d-2", { reportedAtMs: atMs + 3 }]);
  await eventually(async () => expect(labelsOf(card)).toHaveLength(3));
  expect(new Set(labelsOf(card).map((label) => label.labelId)).size).toBe(3);
  expect(labelsOf(card)[2]).toMatchObject({ fraud: true, labelledAtMs: atMs + 3, replacedAtMs: undefined });
});

test("regression #30: a repeated version with different content is ignored, but counted and shown once", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const payment = testPayment(bed.tenant, { card, atMs });
  await bed.producer.send([payment.vector, payment.decision]);
  const id = await caseOf(card);
  const findings = ["none", "conflicting-version"];
  const countedOf = () => Promise.all(findings.map((finding) => counted("chargeback", finding)));
  const [standing = 0, conflicts = 0] = await countedOf();
  await report(payment, card, ["d-1"]);
  const other = { verdict: FraudVerdict.GENUINE, stage: FraudReportStage.WON };
  for (const change of [{}, { policyVersion: "2" }, other, other]) {
    await bed.producer.send([payment.report(idOf("d-1", card), change)]);
  }
  await report(payment, card, ["d-2", { reportedAtMs: atMs + 2 }]);
  await eventually(async () => expect(await countedOf()).toEqual([standing + 2, conflicts + 1]));
  const browser = await bed.as(bed.people.viewer);
  const { timeline } = detail.parse((await browser.get(`/api/cases/${id}`)).body);
  expect(timeline.flatMap(({ report: shown }) => shown ?? [])).toMatchObject([
    { reportId: idOf("d-2", card), finding: null },
    { reportId: idOf("d-1", card), stage: "received", verdict: "fraud", finding: "conflicting-version" },
  ]);
});

test("regression #30: a replacement label keeps the card, terminal and time of the label it replaces", async () => {
  const [card, other, id] = [newCard(), newCard(), `order-${newCard().slice(3, 15)}`];
  const atMs = Date.now() - 60_000;
  const [first, later] = [
    testPayment(bed.tenant, { card, id, atMs }),
    testPayment(bed.tenant, { card: other, id, atMs }),
  ];
  await report(first, card, ["d-1", { reportedAtMs: atMs + 1 }]);
  const change = { version: 2, verdict: FraudVerdict.GENUINE, terminalId: "T2", occurredAtMs: atMs - 1 };
  await report(later, other, [
    "d-1",
    {
      ...change,
      reportId: fraudReportId(bed.tenant, idOf("d-1", card), 2),
      clientReportId: idOf("d-1", card),
      reportedAtMs: atMs + 2,
    },
  ]);
  await report(first, card, ["d-1", { version: 3, reportedAtMs: atMs + 3 }]);
  await eventually(async () => expect(labelsOf(card)).toHaveLength(3));
  const same = { cardToken: card, terminalId: "T1", occurredAtMs: atMs };
  expect(labelsOf(card)).toMatchObject([
    { fraud: true, ...same },
    { fraud: false, ...same, replacedAtMs: atMs + 1 },
    { fraud: true, ...same, replacedAtMs: atMs + 2 },
  ]);
});

test("regression #30: a label has the time of its payment, even if the report has only the day", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const payment = testPayment(bed.tenant, { card, atMs });
  await bed.producer.send([payment.vector, payment.decision]);
  await caseOf(card);
  await report(payment, card, ["d-1", { occurredAtMs: atMs - 40_000, reportedAtMs: atMs - 40_000 }]);
  await eventually(async () => expect(labelsOf(card)).toMatchObject([{ occurredAtMs: atMs, labelledAtMs: atMs }]));
});

test("regression #30: a new version about another payment reverses the first payment's verdict", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const [wrong, right] = [testPayment(bed.tenant, { card, atMs }), testPayment(bed.tenant, { card, atMs })];
  await report(wrong, card, ["d-1", { reportedAtMs: atMs + 1 }]);
  await report(right, card, ["d-1", { version: 2, reportedAtMs: atMs + 2 }]);
  await eventually(async () => expect(labelsOf(card)).toHaveLength(3));
  const verdicts = labelsOf(card).map((label) => [transactionId(bed.tenant, label.clientTransactionId), label.fraud]);
  expect(verdicts).toEqual(
    expect.arrayContaining([
      [wrong.transactionId, true],
      [wrong.transactionId, false],
      [right.transactionId, true],
    ]),
  );
  // An older version does not move the report back.
  await report(wrong, card, ["d-1", { version: 0, reportedAtMs: atMs + 3 }]);
  expect(await reportRows(bed.database, [right.transactionId])).toMatchObject([{ version: 2, moved_at_ms: null }]);
  expect(await reportRows(bed.database, [wrong.transactionId])).toMatchObject([
    { version: 1, moved_at_ms: atMs + 2 },
    { version: 0, moved_at_ms: atMs + 2 },
  ]);
  expect(labelsOf(card)).toHaveLength(3);
});

test("regression #30: if a payment has more reports than are read, the highest version of each is kept", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const payment = testPayment(bed.tenant, { card, atMs });
  const newer = Array.from({ length: 100 }, (_, version) =>
    payment.report(idOf("d-1", card), { version, reportedAtMs: atMs + version }),
  );
  await bed.producer.send([...newer, payment.report(idOf("d-1", card), { version: 100, reportedAtMs: atMs - 1 })]);
  await eventually(async () => expect(await reportsOf(card)).toHaveLength(101));
  const read = await reportRows(bed.database, [payment.transactionId]);
  expect(read).toHaveLength(100);
  expect(read[0]?.version).toBe(100);
});

test("a report with a card other than the payment's is shown but does not count", async () => {
  const [card, other, payments] = [newCard(), newCard(), `order-${newCard().slice(3, 15)}`];
  const payment = testPayment(bed.tenant, { card, id: payments });
  await bed.producer.send([payment.vector, payment.decision]);
  await caseOf(card);
  const wrong = testPayment(bed.tenant, { card: other, id: payments });
  await report(wrong, other, ["d-1"]);
  await report(payment, card, ["d-2", { kind: FraudReportKind.REFUND, verdict: FraudVerdict.NOTHING }]);
  await report(payment, card, ["d-3"]);
  await eventually(async () => expect(labelsOf(card)).toHaveLength(1));
  expect(labelsOf(card)[0]?.source).toBe("chargeback");
  expect(labelsOf(other)).toEqual([]);
});

test("an erasure deletes a card's reports, even without a payment; retention deletes old reports", async () => {
  const [gone, kept] = [newCard(), newCard()];
  const [orphan, other] = [gone, kept].map((card) => testPayment(bed.tenant, { card }));
  if (orphan === undefined || other === undefined) throw new Error("there are two");
  await report(orphan, gone, ["d-1"]);
  await report(other, kept, ["d-1"]);
  await eventually(async () => expect([...labelsOf(gone), ...labelsOf(kept)]).toHaveLength(2));
  const tables: string[] = [];
  for await (const { table } of exportCard(bed.database, bed.tenant, gone)) tables.push(table);
  expect(tables).toContain("fraud_reports");
  const value = Erasure.encode({ tenant: bed.tenant, subject: gone, erasedAtMs: Date.now() }).finish();
  const ofCard = "SELECT transaction_id AS id FROM console.labels WHERE counted_card_token = $1";
  await expect(bed.database.query(idRow, ofCard, [gone])).resolves.toHaveLength(1);
  await bed.producer.send([{ topic: TABLES.erasures.name, key: `${bed.tenant}/${gone}`, value, headers: {} }]);
  await eventually(async () => expect(await reportsOf(gone)).toEqual([]));
  await eventually(async () => expect(await bed.database.query(idRow, ofCard, [gone])).toEqual([]));
  expect(await reportsOf(kept)).toHaveLength(1);
  await bed.database.execute("UPDATE console.fraud_reports SET read_at_ms = 0 WHERE card_token = $1", [kept]);
  await bed.service.get(Retention).drop();
  expect(await reportsOf(kept)).toEqual([]);
});

const reconciliation = z.object({ lines: z.array(z.looseObject({ reports: z.number(), duplicates: z.number() })) });

test("regression #30: a report is a duplicate of an earlier one unless that one was withdrawn or moved", async () => {
  const [card, atMs] = [newCard(), Date.now() - 60_000];
  const [payment, other] = [testPayment(bed.tenant, { card, atMs }), testPayment(bed.tenant, { card, atMs })];
  const file = idOf("file", card);
  const viewer = await bed.as(bed.people.viewer);
  const linesOf = async () =>
    reconciliation.parse((await viewer.get(`/api/fraud-reports/reconciliation?file=${file}`)).body).lines;
  await report(
    payment,
    card,
    ["a", { file, reportedAtMs: atMs + 1 }],
    ["b", { file, reportedAtMs: atMs + 2 }],
    ["a", { file, reportedAtMs: atMs + 3, version: 2 }],
  );
  expect(await linesOf()).toMatchObject([{ reports: 2, duplicates: 1 }]);
  await report(payment, card, ["a", { file, version: 3, withdrawn: true }]);
  expect(await linesOf()).toMatchObject([{ reports: 1, duplicates: 0 }]);
  await report(other, card, ["a", { file, version: 4 }]);
  expect(await linesOf()).toMatchObject([{ reports: 2, duplicates: 0 }]);
});

test("regression #30: a reconciliation with too many lines is rejected, not truncated", async () => {
  const card = newCard();
  await report(testPayment(bed.tenant, { card }), card, ["d-1"]);
  await bed.database.execute(
    `INSERT INTO console.fraud_reports SELECT (jsonb_populate_record(r, jsonb_build_object('report_id', r.report_id || n,
       'client_report_id', r.client_report_id || n, 'transaction_id', r.transaction_id || n, 'file', 'file-' || n,
       'reported_at_ms', $2::bigint))).*
     FROM console.fraud_reports r, generate_series(1, 5001) n WHERE r.card_token = $1`,
    [card, Date.parse("2020-01-01")],
  );
  const viewer = await bed.as(bed.people.viewer);
  await expect(viewer.get("/api/fraud-reports/reconciliation?from=2020-01-01&to=2020-01-01")).resolves.toMatchObject({
    status: 422,
  });
});

test("regression #30: slow reconciliations do not stop the projection", async () => {
  const viewer = await bed.as(bed.people.viewer);
  const blocked =
    "SELECT 'blocked' AS id FROM pg_locks WHERE NOT granted AND relation = 'console.fraud_reports'::regclass";
  const payment = testPayment(bed.tenant, {});
  const answers = await bed.database.transaction(async (transaction) => {
    await transaction.execute("LOCK TABLE console.fraud_reports IN ACCESS EXCLUSIVE MODE");
    const asked = Array.from({ length: 6 }, () => viewer.get("/api/fraud-reports/reconciliation?file=a"));
    await eventually(async () => {
      expect((await transaction.query(idRow, blocked, [])).length).toBeGreaterThan(1);
    });
    await bed.producer.send([payment.vector]);
    const projected = "SELECT transaction_id AS id FROM console.payments WHERE transaction_id = $1";
    const untilMs = Date.now() + 120_000;
    while ((await bed.database.query(idRow, projected, [payment.transactionId])).length === 0) {
      if (Date.now() > untilMs) throw new Error("the payment is not projected");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return asked;
  });
  for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
});
