import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FraudVerdict, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";
import { TestArchive } from "@tripline/lake/testing/archive";
import { z } from "zod";
import { eraseProjection } from "../erasures/erase-projection.js";
import { ReportMatcher } from "../fraud-reports/report-matcher.js";
import { ProjectionStore } from "../projection/projection-store.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { rebuildProjection } from "./rebuild-projection.js";

const AT_MS = Date.parse("2026-03-01T12:00:00Z");
const opening = { outcomes: new Set([Outcome.REVIEW]), dueAfterMs: () => 60_000 };

let bed: TestBed;
let lake: string;

beforeAll(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-console-lake-"));
  bed = await startTestBed();
});

afterAll(async () => {
  await bed?.close();
  await rm(lake, { recursive: true, force: true });
});

const row = z.object({ id: z.string(), vector: z.instanceof(Buffer), decision: z.instanceof(Buffer) });
const caseRow = z.object({ card: z.string(), payments: z.number() });

test("restores the same rows from a lake, without erased people; a second run changes nothing", async () => {
  const [open, answered, erased] = [newCard(), newCard(), newCard()].map((card) =>
    testPayment(bed.tenant, { card, atMs: AT_MS, decidedAtMs: AT_MS, outcome: Outcome.REVIEW }),
  );
  if (open === undefined || answered === undefined || erased === undefined) throw new Error("there are three");
  const archive = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const append = (topic: string, records: readonly OutgoingRecord[]) =>
    archive.append(
      topic,
      records.map(({ value }, offset) => ({ partition: 1, offset, value: value ?? Buffer.alloc(0) })),
    );
  const all = [open, answered, erased];
  await append(
    TOPICS.features.name,
    all.map(({ vector }) => vector),
  );
  await append(
    TOPICS.decisions.name,
    all.map(({ decision }) => decision),
  );
  await append(TOPICS.labels.name, [answered.label(true, AT_MS)]);
  await append(
    TOPICS.paymentUpdates.name,
    all.map((payment) => payment.update("u-1")),
  );
  const won = { version: 2, verdict: FraudVerdict.GENUINE };
  await append(TOPICS.fraudReports.name, [
    answered.report("d-lake"),
    answered.report("d-lake", won),
    erased.report("e"),
    answered.report("d-unmatched", {
      transactionId: "",
      clientTransactionId: "",
      amountMinor: undefined,
      authorisationCode: "A1",
    }),
  ]);
  const store = new ProjectionStore(bed.database, opening);
  const erasures = [{ tenant: bed.tenant, subject: erased.vector.key ?? "", erasedAtMs: AT_MS + 1_000 }];
  const eraseAgain = (erasure: Erasure) => eraseProjection(bed.database, erasure, erasure.erasedAtMs);
  const readErasures = async () => erasures;
  const rebuild = () => rebuildProjection({ store, lake, days: ["2026-03-01"], readErasures, eraseAgain });
  await expect(rebuild()).resolves.toEqual(
    new Map([
      [TOPICS.labels.name, 1],
      [TOPICS.features.name, 2],
      [TOPICS.decisions.name, 2],
      [TOPICS.paymentUpdates.name, 2],
      [TOPICS.fraudReports.name, 3],
    ]),
  );
  // regression #30: the lake may have the report's match in a later file, so the running console skips the report.
  const reference = "UPDATE console.payments SET authorisation_code = 'A1' WHERE transaction_id = $1";
  await bed.database.execute(reference, [answered.transactionId]);
  await bed.service.get(ReportMatcher).check();
  await rebuild();
  const rows = await bed.database.query(
    row,
    `SELECT transaction_id AS id, p.record AS vector, d.record AS decision
     FROM console.payments p JOIN console.decisions d USING (transaction_id) WHERE p.tenant = $1`,
    [bed.tenant],
  );
  expect(rows.toSorted((one, other) => one.id.localeCompare(other.id))).toEqual(
    [open, answered]
      .map(({ transactionId, vector, decision }) => {
        return { id: transactionId, vector: Buffer.from(vector.value), decision: Buffer.from(decision.value) };
      })
      .toSorted((one, other) => one.id.localeCompare(other.id)),
  );
  const updates = "SELECT transaction_id AS id FROM console.payment_updates WHERE tenant = $1 ORDER BY 1";
  const updated = (await bed.database.query(z.object({ id: z.string() }), updates, [bed.tenant])).map(({ id }) => id);
  expect(updated).toEqual([open.transactionId, answered.transactionId].toSorted());
  // The lake also contains the labels derived from the reports, so no label is derived again.
  const reports = `SELECT transaction_id AS id FROM console.fraud_reports WHERE tenant = $1
    UNION ALL SELECT 'queued' FROM console.report_labels WHERE tenant = $1`;
  const { transactionId } = answered;
  await expect(bed.database.query(z.object({ id: z.string() }), reports, [bed.tenant])).resolves.toEqual([
    { id: transactionId },
    { id: transactionId },
  ]);
  const cases = "SELECT card_token AS card, payments FROM console.cases WHERE tenant = $1";
  await expect(bed.database.query(caseRow, cases, [bed.tenant])).resolves.toEqual([
    { card: open.vector.key, payments: 1 },
  ]);
});

test("a person erased during the rebuild is erased again at the end", async () => {
  const card = newCard();
  const again: string[] = [];
  const before = [newCard(), card].map((subject) => ({ tenant: bed.tenant, subject, erasedAtMs: AT_MS }));
  let reads = 0;
  await rebuildProjection({
    store: new ProjectionStore(bed.database, opening),
    lake,
    days: ["2026-03-01"],
    readErasures: async () => {
      reads += 1;
      return before.slice(0, reads);
    },
    eraseAgain: async ({ subject }) => void again.push(subject),
  });
  expect(again).toEqual(before.map(({ subject }) => subject));
});

test("regression #32: a person erased while a rebuild runs is not stored, and so not counted, again", async () => {
  const card = newCard();
  const payment = testPayment(bed.tenant, { card, atMs: AT_MS, decidedAtMs: AT_MS });
  const own = join(lake, "erased-meanwhile");
  const archive = new TestArchive(own, { cluster: "test", topicPrefix: "" });
  for (const { topic, value } of [payment.label(true, AT_MS), payment.vector, payment.decision]) {
    await archive.append(topic, [{ partition: 1, offset: 0, value: value ?? Buffer.alloc(0) }]);
  }
  const stored: string[] = [];
  let reads = 0;
  await rebuildProjection({
    store: {
      async add({ payments, decisions, labels }) {
        stored.push(...[payments, decisions, labels].flat().map((record) => JSON.stringify(record)));
      },
    },
    lake: own,
    days: ["2026-03-01"],
    async readErasures() {
      reads += 1;
      return reads === 1 ? [] : [{ tenant: bed.tenant, subject: card, erasedAtMs: AT_MS + 1 }];
    },
    eraseAgain: async () => {},
  });
  expect(stored).toEqual([]);
});

test("deletes erased people and their cases again after a restore, but keeps later payments of their cards", async () => {
  const card = newCard();
  const erasedAtMs = AT_MS + 3_600_000;
  const payments = [AT_MS, erasedAtMs + 1].map((atMs) =>
    testPayment(bed.tenant, { card, atMs, decidedAtMs: atMs, outcome: Outcome.REVIEW }),
  );
  const ids = async (sql: string) =>
    (await bed.database.query(z.object({ id: z.string() }), sql, [card])).map(({ id }) => id);
  const known = () => ids("SELECT transaction_id AS id FROM console.payments WHERE card_token = $1 ORDER BY 1");
  const cases = () => ids("SELECT id FROM console.cases WHERE card_token = $1");
  await bed.producer.send(payments.slice(0, 1).flatMap(({ vector, decision }) => [vector, decision]));
  await eventually(async () => expect(await cases()).toHaveLength(1));
  await bed.database.execute("UPDATE console.cases SET status = 'closed', verdict = 'fraud' WHERE card_token = $1", [
    card,
  ]);
  await bed.producer.send(payments.slice(1).flatMap(({ vector, decision }) => [vector, decision]));
  await eventually(async () => expect(await cases()).toHaveLength(2));
  await bed.database.execute(
    `INSERT INTO console.case_notes (id, case_id, author_id, author_name, text, at_ms)
     SELECT gen_random_uuid(), id, 'ana', 'Ana', 'Spoke to the holder.', $2 FROM console.cases WHERE card_token = $1`,
    [card, AT_MS],
  );
  await eraseProjection(bed.database, { tenant: bed.tenant, subject: card }, erasedAtMs);
  expect(await known()).toEqual([payments[1]?.transactionId]);
  const left = await cases();
  expect(left).toHaveLength(1);
  const notes = "SELECT case_id AS id FROM console.case_notes WHERE case_id::text = $1";
  expect(await bed.database.query(z.object({ id: z.string() }), notes, [left[0]])).toHaveLength(1);
});

test("rejects a lake without a required topic before writing anything", async () => {
  const nowhere = rebuildProjection({
    store: { add: () => Promise.reject(new Error("it was written to")) },
    lake: join(lake, "nowhere"),
    days: ["2026-03-01"],
    readErasures: async () => [],
    eraseAgain: () => Promise.reject(new Error("it was written to")),
  });
  await expect(nowhere).rejects.toMatchObject({ code: "not-found" });
});
