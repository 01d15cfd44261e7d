import { randomUUID } from "node:crypto";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { OutgoingRecord } from "@tripline/kafka/port";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { AttachmentStore } from "../attachments/attachment-store.js";
import type { Overview } from "../contract/overview.js";
import { eraseProjection } from "../erasures/erase-projection.js";
import { ProjectionStore } from "../projection/projection-store.js";
import { readRecords } from "../projection/read-records.js";
import { Retention } from "../projection/retention.js";
import { SessionStore } from "../sessions/session-store.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestPayment } from "../testing/test-records.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";
import { MERCHANTS_MAX, NOTE_UNCOUNTED, OVERVIEW_DAYS } from "./count-overview.js";

const DAY_MS = 86_400_000;
/** Noon of a day that has passed. */
const AT_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2.5 * DAY_MS;
const DAY = new Date(AT_MS).toISOString().slice(0, 10);
const { APPROVE, REVIEW, DECLINE } = Outcome;
const opening = { outcomes: new Set([REVIEW]), dueAfterMs: () => 60_000 };

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});

afterAll(() => bed?.close());

/** Each test has its own tenant. */
const newTenant = (): string => `${bed.tenant}-${randomUUID().slice(0, 8)}`;
const pay = (tenant: string, outcome: Outcome, given: Parameters<typeof testPayment>[1] = {}): TestPayment =>
  testPayment(tenant, { outcome, atMs: AT_MS, amountMinor: 1_000, ...given });

/** Writes records as if they had been read from Kafka. */
function project(records: readonly OutgoingRecord[], database: Database = bed.database): Promise<void> {
  const batches = records.map(({ topic, key, value }) => {
    const record = {
      topic,
      partition: 1,
      offset: 0,
      key,
      headers: {},
      timestampMs: 0,
      value: Buffer.from(value ?? ""),
    };
    return { topic, partition: 1, records: [record] };
  });
  return new ProjectionStore(database, opening).add(readRecords(batches), new Set([1]));
}
const both = (...payments: readonly TestPayment[]) => payments.flatMap(({ vector, decision }) => [vector, decision]);

async function overviewOf(tenant: string, query = "", days = 1): Promise<Overview> {
  const browser = await bed.as(testPeople(tenant).viewer);
  const { status, body } = await browser.get(`/api/overview?until=${DAY}&count=${days}${query}`);
  expect(status).toBe(200);
  return body as Overview;
}
const totalOf = async (tenant: string) => (await overviewOf(tenant)).currencies[0]?.total;
const sum = (payments: number, amountMinor = payments * 1_000) => ({ count: payments, amountMinor });

test("counts each payment once in each dimension, in any order, however often it is read", async () => {
  const tenant = newTenant();
  const fields = { cardCountry: "BE", merchantId: "m-1" };
  const payments = [
    pay(tenant, APPROVE, { fields }),
    pay(tenant, APPROVE, { fields: { cardCountry: "FR" } }),
    pay(tenant, REVIEW, { fields, amountMinor: 500 }),
    pay(tenant, DECLINE, { fields, currency: "JPY" }),
  ] as const;
  const [first, ...others] = payments;
  await project([first.decision]);
  await project([first.vector]);
  await project(both(...others));
  await project(both(...payments));
  await expect(overviewOf(tenant)).resolves.toMatchObject({
    days: { from: DAY, to: DAY },
    hasPayments: true,
    hasVerdicts: false,
    matureBefore: null,
    currencies: [
      {
        currency: "EUR",
        total: { payments: sum(3, 2_500), approved: sum(2), reviewed: sum(1, 500), declined: sum(0), frauds: null },
        previous: { payments: sum(0), lost: null, mature: null },
        buckets: [{ start: DAY, figures: { payments: sum(3, 2_500) } }],
      },
      { currency: "JPY", total: { payments: sum(1), declined: sum(1) } },
    ],
  });
  const linesOf = async (by: string) =>
    (await overviewOf(tenant, `&by=${by}`)).currencies[0]?.lines.map(({ value, figures }) => [
      value,
      figures.payments.count,
    ]);
  await expect(linesOf("country")).resolves.toEqual([
    ["BE", 2],
    ["FR", 1],
  ]);
  await expect(linesOf("merchant")).resolves.toEqual([
    ["m-1", 2],
    ["", 1],
  ]);
  await expect(linesOf("reason")).resolves.toEqual([
    ["", 2],
    ["SCORE_HIGH", 1],
  ]);
  await expect(linesOf("model")).resolves.toEqual([["0123456789ab", 3]]);
});

test("counts a verdict once, and a correction in its place", async () => {
  const tenant = newTenant();
  const [lost, stopped, blocked] = [pay(tenant, APPROVE), pay(tenant, DECLINE), pay(tenant, REVIEW)];
  await project([lost.label(true, AT_MS + 1), ...both(stopped, blocked)]);
  await project([...both(lost), stopped.label(true, AT_MS + 1), blocked.label(false, AT_MS + 1)]);
  await project([lost.label(true, AT_MS + 1), blocked.label(false, AT_MS + 1)]);
  const before = { frauds: sum(2), lost: sum(1), stopped: sum(1), falsePositives: sum(1) };
  await expect(totalOf(tenant)).resolves.toMatchObject(before);
  await project([lost.label(false, AT_MS + 2), blocked.label(true, AT_MS + 2), stopped.label(false, AT_MS + 2)]);
  await project([lost.label(true, AT_MS + 1)]);
  const after = { payments: sum(3), frauds: sum(1), lost: sum(0), stopped: sum(1), falsePositives: sum(1) };
  await expect(totalOf(tenant)).resolves.toMatchObject(after);
});

test("counts the verdicts that are derived from reports", async () => {
  const tenant = newTenant();
  const payment = pay(tenant, APPROVE);
  await project([...both(payment), payment.report("d-1")]);
  // The label is published to Kafka, and counted when the console reads it from there.
  await eventually(async () => expect(await totalOf(tenant)).toMatchObject({ frauds: sum(1), lost: sum(1) }));
});

test("separates payments that are old enough for a verdict", async () => {
  const tenant = newTenant();
  const old = Array.from({ length: 40 }, () => pay(tenant, APPROVE, { atMs: AT_MS - 10 * DAY_MS }));
  const recent = pay(tenant, APPROVE);
  await project([...both(...old, recent), ...old.map((one) => one.label(true, AT_MS - 9 * DAY_MS))]);
  await project([recent.label(true, AT_MS + 1)]);
  const { matureBefore, currencies } = await overviewOf(tenant, "", 15);
  expect(currencies[0]?.total).toMatchObject({
    payments: sum(41),
    frauds: sum(41),
    mature: { payments: sum(40), frauds: sum(40) },
  });
  expect(Date.parse(matureBefore ?? "")).toBeLessThan(AT_MS);
  expect(currencies[0]?.buckets.at(-1)?.figures).toMatchObject({ frauds: sum(1), mature: null });
});

test("keeps the figures of an erased person, without new verdicts", async () => {
  const tenant = newTenant();
  const card = newCard();
  const payment = pay(tenant, APPROVE, { card });
  await project(both(payment));
  await eraseProjection(bed.database, { tenant, subject: card });
  await project([payment.label(true)]);
  await expect(totalOf(tenant)).resolves.toMatchObject({ payments: sum(1), frauds: null });
  const rows = "SELECT d::text AS text FROM console.overview_days d WHERE tenant = $1";
  const written = await bed.database.query(z.object({ text: z.string() }), rows, [tenant]);
  expect(JSON.stringify(written)).not.toContain(card);
});

test("does not count a deleted payment again when a rebuild reads it", async () => {
  const tenant = newTenant();
  const payment = pay(tenant, APPROVE);
  await project([...both(payment), payment.label(true)]);
  for (const table of ["payments", "decisions", "labels"]) {
    await bed.database.execute(`UPDATE console.${table} SET read_at_ms = 0 WHERE transaction_id = $1`, [
      payment.transactionId,
    ]);
  }
  await bed.service.get(Retention).drop();
  const since = z.object({ since_ms: z.coerce.number() });
  const [boundary] = await bed.database.query(since, "SELECT since_ms FROM console.overview_since");
  expect(boundary?.since_ms).toBeGreaterThan(Date.now() - 91 * DAY_MS);
  // As if the retention period were so short that the payment's day is over. Other tests use the same row.
  await bed.database.transaction(async (transaction) => {
    await transaction.execute("UPDATE console.overview_since SET since_ms = $1", [Date.now()]);
    await project([...both(payment), payment.label(true)], within(transaction));
    await transaction.execute("UPDATE console.overview_since SET since_ms = $1", [boundary?.since_ms]);
  });
  await expect(totalOf(tenant)).resolves.toMatchObject({ payments: sum(1), frauds: sum(1) });
});

/** A database whose transactions are a part of another one. */
function within(transaction: Queries): Database {
  return { ...transaction, transaction: (run) => run(transaction), close: async () => {} };
}

/** Retention that has not deleted figures yet. */
const newRetention = (database: Database): Retention =>
  new Retention(
    database,
    bed.config,
    bed.service.get(AttachmentStore),
    bed.service.get(SessionStore),
    createLogger("test", "silent"),
  );

test("does not count payments with impossible dates, and deletes figures past their retention", async () => {
  const tenant = newTenant();
  const [old, future] = [Date.now() - (OVERVIEW_DAYS + 1) * DAY_MS, Date.now() + 3 * DAY_MS];
  await project(both(...[old, future].map((atMs) => pay(tenant, APPROVE, { atMs }))));
  await bed.database.execute(
    `INSERT INTO console.overview_days SELECT $1, 'all', 'day', (now() AT TIME ZONE 'UTC')::date - age, 'EUR', '', ${"1, ".repeat(17)}1
     FROM unnest(ARRAY[${OVERVIEW_DAYS - 1}, ${OVERVIEW_DAYS + 1}]) AS age`,
    [tenant],
  );
  await newRetention(bed.database).drop();
  const left = "SELECT count(*)::int AS left FROM console.overview_days WHERE tenant = $1";
  await expect(bed.database.query(z.object({ left: z.number() }), left, [tenant])).resolves.toEqual([{ left: 1 }]);
});

test("regression #32: deletes the figures of a month only once all of its days are deleted", async () => {
  const tenants = [newTenant(), newTenant()];
  await bed.database.execute(
    `INSERT INTO console.overview_days SELECT tenant, dimension, 'month',
       (date_trunc('month', (now() AT TIME ZONE 'UTC')::date - ${OVERVIEW_DAYS}) - n * interval '1 month')::date, 'EUR', '', ${"1, ".repeat(17)}1
     FROM unnest($1::text[]) tenant, unnest(ARRAY['all', 'reason']) dimension, generate_series(0, 2) n`,
    [tenants],
  );
  await newRetention(bed.database).drop();
  const left = "SELECT tenant, count(*)::int AS left FROM console.overview_days WHERE tenant = ANY($1) GROUP BY 1";
  await expect(
    bed.database.query(z.object({ tenant: z.string(), left: z.number() }), left, [tenants]),
  ).resolves.toEqual(expect.arrayContaining(tenants.map((tenant) => ({ tenant, left: 2 }))));
});

test("regression #32: a failed deletion of figures is not repeated every minute", async () => {
  let attempts = 0;
  const retention = newRetention({
    ...bed.database,
    execute(statement, values) {
      if (!statement.includes("console.overview_days")) return bed.database.execute(statement, values);
      attempts += 1;
      return Promise.reject(new Error("The statement took too long."));
    },
  });
  await retention.drop();
  await retention.drop();
  expect(attempts).toBe(1);
});

test.each(["9999-12-31", "0000-01-01", "0050-01-01"])("regression #32: rejects a period until %s", async (until) => {
  const browser = await bed.as(testPeople(newTenant()).viewer);
  const { status, body } = await browser.get(`/api/overview?until=${until}`);
  expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining("until")]);
});

test("regression #32: says how long verdicts count, and which figures were deleted", async () => {
  const browser = await bed.as(testPeople(newTenant()).viewer);
  const days = [0, 1 - OVERVIEW_DAYS].map((by) => new Date(Date.now() + by * DAY_MS).toISOString().slice(0, 10));
  const answers = await Promise.all(days.map((until) => browser.get(`/api/overview?count=2&until=${until}`)));
  const kept = new Date(Date.now() - OVERVIEW_DAYS * DAY_MS).toISOString().slice(0, 10);
  const verdictDays = bed.config.RETENTION_DAYS;
  expect(answers.map(({ body }) => body)).toMatchObject([
    { verdictDays, keptFrom: null },
    { verdictDays, keptFrom: kept },
  ]);
});

test("regression #32: does not count a verdict whose payment was not counted, because an old instance stored its decision", async () => {
  const tenant = newTenant();
  const payment = pay(tenant, APPROVE);
  await project([payment.vector]);
  await bed.database.execute(
    `INSERT INTO console.decisions (transaction_id, tenant, outcome, rung, reason_codes, latency_ms, decided_at_ms, record,
       model_version, read_at_ms) VALUES ($1, $2, ${APPROVE}, 1, '{}', 1, $3::bigint, '', 'm', $3::bigint)`,
    [payment.transactionId, tenant, Date.now()],
  );
  await project([payment.label(true)]);
  await expect(overviewOf(tenant)).resolves.toMatchObject({ hasPayments: false, hasVerdicts: false, currencies: [] });
});

test("regression #32: after a rollback, records when an old instance last stored payments", async () => {
  const payment = pay(newTenant(), APPROVE);
  await project(both(payment));
  const state = z.object({ upgraded_ms: z.coerce.number(), since_ms: z.coerce.number() });
  const since = "SELECT upgraded_ms, since_ms FROM console.overview_since";
  const note = "UPDATE console.overview_since SET upgraded_ms = $1, since_ms = $2";
  // In one transaction, because other tests use the same row.
  const [before, after] = await bed.database.transaction(async (transaction) => {
    const [known] = await transaction.query(state, since);
    await transaction.execute(note, [1, 0]);
    await transaction.execute("UPDATE console.payments SET counted_day = NULL WHERE transaction_id = $1", [
      payment.transactionId,
    ]);
    await transaction.execute(NOTE_UNCOUNTED, [AT_MS - DAY_MS]);
    const [noted] = await transaction.query(state, since);
    await transaction.execute(note, [known?.upgraded_ms, known?.since_ms]);
    await transaction.execute("DELETE FROM console.payments WHERE transaction_id = $1", [payment.transactionId]);
    return [known, noted] as const;
  });
  expect(before).toBeDefined();
  expect(after?.upgraded_ms).toBeGreaterThanOrEqual(AT_MS);
  expect(after?.since_ms).toBe(AT_MS - DAY_MS);
});

test("limits the merchants with figures of their own, and counts the others together", async () => {
  const tenant = newTenant();
  await bed.database.execute(
    "INSERT INTO console.overview_merchants SELECT $1, 'm-' || n, '2026-01-01' FROM generate_series(2, $2::int) n",
    [tenant, MERCHANTS_MAX],
  );
  const paid = ["m-a", "m-b", "m-2", "m-c"].map((merchantId) => pay(tenant, APPROVE, { fields: { merchantId } }));
  await project(both(...paid));
  const { currencies } = await overviewOf(tenant, "&by=merchant");
  expect(currencies[0]?.lines.map(({ value, figures }) => [value, figures.payments.count])).toEqual([
    ["*", 2],
    ["m-2", 1],
    ["m-a", 1],
  ]);
});

test("a tenant sees only its own figures, and an empty one sees that it has none", async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const payment = pay(tenant, APPROVE);
  await project([...both(payment), payment.label(true)]);
  await expect(overviewOf(other, "&by=merchant")).resolves.toMatchObject({
    hasPayments: false,
    hasVerdicts: false,
    currencies: [],
  });
});

test("limits how often a user can read the figures", async () => {
  const browser = await bed.as(testPeople(newTenant()).viewer);
  const path = "/api/overview?count=1";
  const statuses = await Promise.all(Array.from({ length: 200 }, async () => (await browser.get(path)).status));
  const later = await browser.get(path);
  expect([...statuses, later.status]).toContain(429);
});
