import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { TestPayment } from "../testing/test-records.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { PROJECTED_TOPICS } from "./projection.controller.js";
import { Retention } from "./retention.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});

afterAll(() => bed?.close());

const caseRow = z.object({
  id: z.string(),
  status: z.string(),
  payments: z.number(),
  outcome: z.number(),
  amount: z.coerce.number(),
  revision: z.number(),
});
const countRow = z.object({ count: z.coerce.number() });

const casesOf = (card: string) =>
  bed.database.query(
    caseRow,
    "SELECT id, status, payments, outcome, amount_minor AS amount, revision FROM console.cases WHERE card_token = $1",
    [card],
  );

const count = async (table: string, ...payments: TestPayment[]): Promise<number> => {
  const ids = payments.map(({ transactionId }) => transactionId);
  const text = `SELECT count(*) FROM console.${table} WHERE transaction_id = ANY($1)`;
  return (await bed.database.query(countRow, text, [ids]))[0]?.count ?? 0;
};

/** Resolves once everything sent before has been read. */
async function settle(): Promise<void> {
  const admin = await bed.kafka.admin();
  try {
    await eventually(async () => {
      for (const name of PROJECTED_TOPICS) {
        const [ends, read] = await Promise.all([admin.endOffsets(name), admin.committedOffsets("console", name)]);
        for (const [partition, end] of ends) expect(read.get(partition) ?? 0).toBe(end);
      }
    });
  } finally {
    await admin.close();
  }
}

test("payment and decision may arrive in any order, and later stopped payments of the card join its case", async () => {
  const card = newCard();
  const [first, second, approved, declined] = [Outcome.CHALLENGE, Outcome.REVIEW, Outcome.APPROVE, Outcome.DECLINE].map(
    (outcome) => testPayment(bed.tenant, { card, outcome, amountMinor: 1_000 }),
  ) as [TestPayment, TestPayment, TestPayment, TestPayment];
  await bed.producer.send([first.decision]);
  await settle();
  await expect(casesOf(card)).resolves.toEqual([]);
  await bed.producer.send([first.vector]);
  await settle();
  await bed.producer.send([second.vector, second.decision, approved.vector, approved.decision]);
  await bed.producer.send([declined.vector, declined.decision]);
  await settle();
  await expect(casesOf(card)).resolves.toEqual([
    expect.objectContaining({ payments: 3, outcome: Outcome.DECLINE, amount: 3_000, status: "open" }),
  ]);
});

test("a payment that arrives while its card's case is being closed opens a new case", async () => {
  const card = newCard();
  const [first, second] = [testPayment(bed.tenant, { card }), testPayment(bed.tenant, { card })];
  await bed.producer.send([first.vector, first.decision]);
  await settle();
  const waiting =
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'";
  await bed.database.transaction(async (closing) => {
    await closing.execute("SELECT FROM console.cases WHERE card_token = $1 FOR UPDATE", [card]);
    await bed.producer.send([second.vector, second.decision]);
    await eventually(async () => expect(await bed.database.query(z.unknown(), waiting)).toHaveLength(1));
    await closing.execute("UPDATE console.cases SET status = 'closed' WHERE card_token = $1", [card]);
  });
  await settle();
  const cases = (await casesOf(card)).map(({ status, payments }) => [status, payments]);
  expect(cases.toSorted()).toEqual([
    ["closed", 1],
    ["open", 1],
  ]);
});

test("neither a decline nor a labelled payment opens a case", async () => {
  const [declined, labelled] = [
    testPayment(bed.tenant, { outcome: Outcome.DECLINE }),
    testPayment(bed.tenant, { outcome: Outcome.REVIEW }),
  ];
  await bed.producer.send([labelled.label(true)]);
  await settle();
  await bed.producer.send([declined.vector, declined.decision, labelled.vector, labelled.decision]);
  await settle();
  await expect(count("decisions", declined, labelled)).resolves.toBe(2);
  await expect(count("case_payments", declined, labelled)).resolves.toBe(0);
});

test("counts labels by outcome, once per payment, for the monitored precision", async () => {
  const series = /^tripline_console_labels_total\{outcome="decline",truth="fraud",role="champion"\} (\d+)$/m;
  const counted = async () => Number(series.exec((await writeMetrics()).body)?.[1] ?? 0);
  const before = await counted();
  const declined = testPayment(bed.tenant, { outcome: Outcome.DECLINE });
  await bed.producer.send([declined.vector, declined.decision]);
  await settle();
  await bed.producer.send([declined.label(true)]);
  await settle();
  await bed.producer.send([declined.label(true)]);
  await settle();
  await expect(counted()).resolves.toBe(before + 1);
  expect((await writeMetrics()).body).toMatch(
    /^tripline_postgres_connections\{application="[\w-]+",state="idle"\} \d+$/m,
  );
});

test("redelivered records change nothing, even after downtime", async () => {
  const card = newCard();
  const payment = testPayment(bed.tenant, { card });
  await bed.producer.send([payment.vector, payment.decision]);
  await settle();
  const before = await casesOf(card);
  await bed.producer.send([payment.decision, payment.vector]);
  await settle();
  await expect(casesOf(card)).resolves.toEqual(before);
  const missed = testPayment(bed.tenant, { card });
  const restarted = bed.restart();
  await bed.producer.send([payment.vector, missed.vector, missed.decision]);
  await restarted;
  await settle();
  await expect(casesOf(card)).resolves.toEqual([expect.objectContaining({ id: before[0]?.id, payments: 2 })]);
  await expect(count("payments", payment, missed)).resolves.toBe(2);
});

test("dead-letters an unreadable record, and processes the others in its batch", async () => {
  const card = newCard();
  const payment = testPayment(bed.tenant, { card });
  const admin = await bed.kafka.admin();
  const deadLetters = async () =>
    [...(await admin.endOffsets("decisions.dlq")).values()].reduce((sum, end) => sum + end, 0);
  const before = await deadLetters();
  await bed.producer.send([
    { ...payment.decision, value: Buffer.from("not a decision") },
    payment.decision,
    payment.vector,
  ]);
  await eventually(async () => expect(await casesOf(card)).toHaveLength(1));
  await eventually(async () => expect(await deadLetters()).toBe(before + 1));
  await admin.close();
});

test("deletes rows after their retention period, except those of an open case", async () => {
  const card = newCard();
  const [open, gone] = [testPayment(bed.tenant, { card }), testPayment(bed.tenant, { outcome: Outcome.APPROVE })];
  await bed.producer.send([open.vector, open.decision, gone.vector, gone.decision]);
  await settle();
  const old = [[open.transactionId, gone.transactionId]];
  await bed.database.execute("UPDATE console.payments SET read_at_ms = 0 WHERE transaction_id = ANY($1)", old);
  await bed.database.execute("UPDATE console.decisions SET read_at_ms = 0 WHERE transaction_id = ANY($1)", old);
  await bed.service.get(Retention).drop();
  await expect(count("payments", open, gone)).resolves.toBe(1);
  await bed.database.execute("UPDATE console.cases SET status = 'closed', changed_at_ms = 0 WHERE card_token = $1", [
    card,
  ]);
  await bed.service.get(Retention).drop();
  await expect(Promise.all([count("payments", open), count("decisions", open), casesOf(card)])).resolves.toEqual([
    0,
    0,
    [],
  ]);
});
