import { FraudReportKind, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import { Retention } from "../projection/retention.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestPayment } from "../testing/test-records.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed?.close());

const DAY_MS = 86_400_000;
/** A past month within the retention period. */
const MONTH = new Date(Date.now() - 35 * DAY_MS).toISOString().slice(0, "2026-11".length);
const AT_MS = Date.parse(`${MONTH}-10T12:00:00Z`);
const ratios = z.object({
  isComplete: z.boolean(),
  lines: z.array(z.looseObject({ merchantId: z.string().nullable(), scheme: z.string(), settled: z.number() })),
});

interface PaymentChange {
  readonly channel?: string;
  readonly card?: string;
  readonly tenant?: string;
}

function payment(merchantId: string, change: PaymentChange = {}): TestPayment {
  const { card = newCard(), channel = "ecommerce", tenant = bed.tenant } = change;
  const fields = { merchantId, channel, bin: "41111111" };
  return testPayment(tenant, { card, atMs: AT_MS, amountMinor: 1_000, fields });
}

const captured = (of: TestPayment, id: string, amountMinor = 1_000, atMs = AT_MS + 1_000) =>
  of.update(id, { kind: PaymentUpdateKind.CAPTURED, amountMinor, currency: "EUR", updatedAtMs: atMs });

async function linesOf(merchant: string, person = bed.people.viewer) {
  const browser = await bed.as(person);
  const { body, status } = await browser.get(`/api/fraud-reports/ratios?month=${MONTH}&merchant=${merchant}`);
  expect(status).toBe(200);
  const { lines, isComplete } = ratios.parse(body);
  return { isComplete, lines: lines.filter(({ merchantId }) => merchantId === merchant) };
}

async function settledOf(merchant: string): Promise<number> {
  const [row] = await bed.database.query(
    z.object({ payments: z.coerce.number() }),
    "SELECT coalesce(sum(payments), 0) AS payments FROM console.settled_months WHERE tenant = $1 AND merchant_id = $2",
    [bed.tenant, merchant],
  );
  return row?.payments ?? 0;
}

test("a captured payment counts once, in any order of records; reports count once per kind unless withdrawn", async () => {
  const [one, late, partial, open] = ["m-1", "m-1", "m-1", "m-1"].map((merchant) => payment(merchant));
  if (one === undefined || late === undefined || partial === undefined || open === undefined) throw new Error("four");
  // One capture arrives before its payment. Another one has two parts, and the second part is sent twice.
  await bed.producer.send([captured(late, "c")]);
  await bed.producer.send([one.vector, captured(one, "c"), partial.vector, captured(partial, "c1", 400), open.vector]);
  await eventually(async () => expect(await settledOf("m-1")).toBe(2));
  await bed.producer.send([late.vector, captured(partial, "c2", 600), captured(partial, "c2", 600)]);
  await eventually(async () => expect(await settledOf("m-1")).toBe(3));
  const reportedAtMs = AT_MS + DAY_MS;
  await bed.producer.send([
    one.report("r-1", { reportedAtMs, amountMinor: 500, currency: "EUR" }),
    one.report("r-2", { reportedAtMs: reportedAtMs + 1 }),
    one.report("r-3", { reportedAtMs, kind: FraudReportKind.TC40 }),
    // The merchant wins this dispute later, but card schemes still count it in the month of the report.
    late.report("r-4", { reportedAtMs }),
    late.report("r-4", { reportedAtMs: AT_MS + 60 * DAY_MS, version: 2 }),
    partial.report("r-5", { reportedAtMs }),
    partial.report("r-5", { reportedAtMs: reportedAtMs + 1, version: 2, withdrawn: true }),
    open.report("r-6", { reportedAtMs: AT_MS + 60 * DAY_MS }),
  ]);
  await eventually(async () =>
    expect(await linesOf("m-1")).toMatchObject({
      isComplete: true,
      lines: [
        { scheme: "all", settled: 3, chargebacks: 2, fraudNotices: 1, ratio: 2 / 3, programs: [] },
        { scheme: "visa", settled: 3, programs: [{ program: "VAMP", reports: 3, ratio: 1 }] },
      ],
    }),
  );
  const { lines } = await linesOf("m-1");
  expect(lines[0]?.amounts).toEqual([{ currency: "EUR", settledMinor: 3_000, chargebackMinor: 1_500, ratio: 0.5 }]);
});

test("regression #30: an invalid capture does not hide that a payment was captured", async () => {
  const one = payment("m-3");
  const foreign = { kind: PaymentUpdateKind.CAPTURED, amountMinor: 1_000, currency: "USD", updatedAtMs: AT_MS };
  await bed.producer.send([one.vector, one.update("foreign", foreign)]);
  await eventually(async () => {
    const known = "SELECT 1 AS one FROM console.payment_updates WHERE transaction_id = $1";
    expect(await bed.database.query(z.unknown(), known, [one.transactionId])).toHaveLength(1);
  });
  await bed.producer.send([captured(one, "own")]);
  await eventually(async () => expect(await settledOf("m-3")).toBe(1));
});

test("regression #30: a payment that was reported in an earlier month does not count again, unless withdrawn", async () => {
  const card = newCard();
  const [again, anew] = [payment("m-4", { card }), payment("m-4", { card })];
  const [before, reportedAtMs] = [AT_MS - 31 * DAY_MS, AT_MS + DAY_MS];
  await bed.producer.send([again.vector, anew.vector]);
  await bed.producer.send([
    again.report("e-1", { reportedAtMs: before }),
    again.report("e-2", { reportedAtMs }),
    anew.report("e-3", { reportedAtMs: before }),
    anew.report("e-3", { reportedAtMs, version: 2, withdrawn: true }),
    anew.report("e-4", { reportedAtMs }),
    again.report("e-5", { reportedAtMs, kind: FraudReportKind.TC40 }),
  ]);
  await eventually(async () =>
    expect((await linesOf("m-4")).lines[0]).toMatchObject({ chargebacks: 1, fraudNotices: 1 }),
  );
});

test("a tenant sees only its own figures, and a client needs a token with the scope cases:read", async () => {
  const own = payment("m-2");
  await bed.producer.send([own.vector, captured(own, "c"), own.report("own", { reportedAtMs: AT_MS + DAY_MS })]);
  await eventually(async () => expect((await linesOf("m-2")).lines[0]).toMatchObject({ chargebacks: 1, settled: 1 }));
  const stranger = testPeople(`${bed.tenant}-x`).viewer;
  const browser = await bed.as(stranger);
  const { body } = await browser.get(`/api/fraud-reports/ratios?month=${MONTH}`);
  const nothing = { merchantId: null, scheme: "all", settled: 0, chargebacks: 0, fraudNotices: 0, ratio: null };
  expect(body).toMatchObject({ lines: [{ ...nothing, amounts: [], programs: [] }], isCut: false });
  const path = `${bed.service.url}/v1/fraud-reports/ratios?month=${MONTH}&merchant=m-2`;
  const ask = async (person: typeof stranger) =>
    fetch(path, { headers: { authorization: `Bearer ${await bed.issuer.token(person)}` } });
  expect(await (await ask(bed.people.viewer)).json()).toMatchObject({
    lines: [{}, {}, { settled: 1 }, { settled: 1 }],
  });
  expect(await (await ask(stranger)).json()).toMatchObject({ lines: [{ settled: 0 }] });
  expect((await ask({ ...stranger, scope: "decisions:read" })).status).toBe(403);
  expect((await fetch(path)).status).toBe(401);
});

test.each(["", "?month=2026-13", "?month=2026-11&merchant=%20"])("rejects an invalid query: %s", async (query) => {
  const viewer = await bed.as(bed.people.viewer);
  await expect(viewer.get(`/api/fraud-reports/ratios${query}`)).resolves.toMatchObject({ status: 422 });
});

test("regression #30: a month has no ratio while a report concerns a payment that an earlier release stored", async () => {
  const tenant = `${bed.tenant}-old`;
  const { viewer } = testPeople(tenant);
  const card = newCard();
  const [old, recent] = [payment("m-5", { tenant, card }), payment("m-5", { tenant, card })];
  const reportedAtMs = AT_MS + DAY_MS;
  await bed.producer.send([old.vector, recent.vector, captured(recent, "c"), old.report("o", { reportedAtMs })]);
  await eventually(async () =>
    expect((await linesOf("m-5", viewer)).lines[0]).toMatchObject({ settled: 1, chargebacks: 1 }),
  );
  const upgraded =
    "UPDATE console.payments SET merchant_id = '', card_scheme = '', read_at_ms = 0 WHERE transaction_id = $1";
  await bed.database.execute(upgraded, [old.transactionId]);
  await bed.database.execute("UPDATE console.settled_since SET upgraded_ms = 1", []);
  const isUnknown = { ratio: null, programs: [{ program: "VAMP", state: "unknown" }] };
  expect(await linesOf("m-5", viewer)).toMatchObject({ isComplete: false, lines: [{ ratio: null }, isUnknown] });
  await bed.producer.send([old.report("o", { reportedAtMs: reportedAtMs + 1, version: 2, withdrawn: true })]);
  await eventually(async () =>
    expect(await linesOf("m-5", viewer)).toMatchObject({ isComplete: true, lines: [{ ratio: 0 }, {}] }),
  );
});

test("a month that began before the retention period has no ratio", async () => {
  await bed.service.get(Retention).drop();
  const viewer = await bed.as(bed.people.viewer);
  const { body } = await viewer.get("/api/fraud-reports/ratios?month=2025-01");
  expect(body).toMatchObject({ isComplete: false, lines: [{ settled: 0, ratio: null }] });
});
