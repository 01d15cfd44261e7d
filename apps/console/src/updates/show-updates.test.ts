import type { PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, Erasure, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { z } from "zod";
import { exportCard } from "../erasures/export-card.js";
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

const idRow = z.object({ id: z.string() });
const detail = z.object({
  timeline: z.array(z.looseObject({ kind: z.string(), update: z.looseObject({ id: z.string() }).optional() })),
});

async function caseOf(card: string): Promise<string> {
  return eventually(async () => {
    const rows = await bed.database.query(idRow, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows[0]?.id ?? "";
  });
}

const updatesOf = (card: string) =>
  bed.database.query(idRow, "SELECT update_id AS id FROM console.payment_updates WHERE card_token = $1", [card]);

const { CAPTURED, DECLINED, REFUNDED } = PaymentUpdateKind;
const eur = (
  kind: PaymentUpdateKind,
  amountMinor: number,
  seconds: number,
  { occurredAtMs }: { occurredAtMs: number },
) =>
  ({
    kind,
    amountMinor,
    currency: "EUR",
    updatedAtMs: occurredAtMs + 1_000 * seconds,
  }) satisfies Partial<PaymentUpdate>;

async function sendAll(payment: TestPayment, ...updates: ReturnType<TestPayment["update"]>[]): Promise<void> {
  await bed.producer.send([payment.vector, payment.decision, ...updates]);
}

test("a case's timeline shows contradictory updates, even if they arrive before the payment", async () => {
  const [card, at] = [newCard(), { occurredAtMs: Date.now() - 60_000 }];
  const payment = testPayment(bed.tenant, { card, amountMinor: 1_000, atMs: at.occurredAtMs });
  // The first update arrives before its payment.
  await bed.producer.send([payment.update("auth", { issuerCode: "00" })]);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(1));
  const refund = payment.update("r-1", eur(REFUNDED, 600, 3, at));
  await sendAll(payment, payment.update("cap", eur(CAPTURED, 1_000, 2, at)), refund, refund);
  await bed.producer.send([payment.update("r-2", eur(REFUNDED, 500, 4, at))]);
  const id = await caseOf(card);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(4));
  const browser = await bed.as(bed.people.viewer);
  const { timeline } = detail.parse((await browser.get(`/api/cases/${id}`)).body);
  expect(timeline.map(({ kind, update }) => update ?? kind)).toMatchObject([
    { kind: "refunded", amountMinor: 500, currency: "EUR", finding: "over-amount" },
    { kind: "refunded", amountMinor: 600, finding: null },
    { kind: "captured", amountMinor: 1_000, finding: null },
    { kind: "authorised", issuerCode: "00", declinedBy: null, amountMinor: null, finding: null },
    "payment",
  ]);
  expect(JSON.stringify(timeline)).not.toContain(card);
});

test("the timeline shows who declined a payment", async () => {
  const card = newCard();
  const payment = testPayment(bed.tenant, { card });
  const declined = { kind: DECLINED, declinedBy: DeclinedBy.TRIPLINE };
  const byIssuer = { kind: DECLINED, declinedBy: DeclinedBy.ISSUER, issuerCode: "51", updatedAtMs: Date.now() + 1_000 };
  await sendAll(payment, payment.update("", declined), payment.update("auth", byIssuer));
  const id = await caseOf(card);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(2));
  const browser = await bed.as(bed.people.viewer);
  const { timeline } = detail.parse((await browser.get(`/api/cases/${id}`)).body);
  const shown = timeline.flatMap(({ update }) => (update === undefined ? [] : [update]));
  expect(shown).toMatchObject([{ declinedBy: "issuer", issuerCode: "51" }, { declinedBy: "tripline" }]);
});

test("another tenant sees neither the case nor its updates, and its update with the same ID is separate", async () => {
  const [card, id] = [newCard(), "order-shared"];
  const [own, others] = [bed.tenant, `${bed.tenant}-x`].map((tenant) => testPayment(tenant, { card, id }));
  if (own === undefined || others === undefined) throw new Error("there are two");
  await sendAll(own, own.update("u-1"));
  await bed.producer.send([others.update("u-1", { kind: DECLINED, declinedBy: DeclinedBy.ISSUER })]);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(2));
  const found = await caseOf(card);
  const browser = await bed.as(bed.people.viewer);
  const { timeline } = detail.parse((await browser.get(`/api/cases/${found}`)).body);
  expect(timeline.map(({ update }) => update?.kind)).toEqual(["authorised", undefined]);
  const stranger = await bed.as(testPeople(`${bed.tenant}-x`).viewer);
  await expect(stranger.get(`/api/cases/${found}`)).resolves.toMatchObject({ status: 404 });
});

test("an erasure deletes a card's updates, even those without a payment; an export before it includes them", async () => {
  const [gone, kept] = [newCard(), newCard()];
  const [payment, orphan, other] = [gone, gone, kept].map((card) => testPayment(bed.tenant, { card }));
  if (payment === undefined || orphan === undefined || other === undefined) throw new Error("there are three");
  await sendAll(payment, payment.update("u-1"), orphan.update("u-1"), other.update("u-1"));
  await caseOf(gone);
  await eventually(async () => expect([await updatesOf(gone), await updatesOf(kept)].flat()).toHaveLength(3));
  const tables: string[] = [];
  for await (const { table } of exportCard(bed.database, bed.tenant, gone)) tables.push(table);
  expect(tables.filter((table) => table === "payment_updates")).toHaveLength(2);
  const value = Erasure.encode({ tenant: bed.tenant, subject: gone, erasedAtMs: Date.now() }).finish();
  await bed.producer.send([{ topic: TABLES.erasures.name, key: `${bed.tenant}/${gone}`, value, headers: {} }]);
  await eventually(async () => expect(await updatesOf(gone)).toEqual([]));
  expect(await updatesOf(kept)).toHaveLength(1);
});

test("deletes old updates, except those of a case", async () => {
  const [inCase, alone] = [newCard(), newCard()];
  const [payment, orphan] = [testPayment(bed.tenant, { card: inCase }), testPayment(bed.tenant, { card: alone })];
  await sendAll(payment, payment.update("u-1"), orphan.update("u-1"));
  await caseOf(inCase);
  await eventually(async () => expect([await updatesOf(inCase), await updatesOf(alone)].flat()).toHaveLength(2));
  await bed.database.execute("UPDATE console.payment_updates SET read_at_ms = 0 WHERE card_token = ANY($1)", [
    [inCase, alone],
  ]);
  await bed.service.get(Retention).drop();
  expect([await updatesOf(inCase), await updatesOf(alone)]).toMatchObject([[{}], []]);
});

test("counts each update once, with its finding or as unmatched", async () => {
  const counted = async (kind: string, finding: string) => {
    const series = new RegExp(
      `^tripline_console_payment_updates_total\\{kind="${kind}",finding="${finding}"\\} (\\d+)$`,
      "m",
    );
    return Number(series.exec((await writeMetrics()).body)?.[1] ?? 0);
  };
  const before = [await counted("refunded", "over-amount"), await counted("captured", "unmatched")];
  const [card, at] = [newCard(), { occurredAtMs: Date.now() }];
  const payment = testPayment(bed.tenant, { card, amountMinor: 100 });
  const captured = payment.update("cap", eur(CAPTURED, 100, 1, at));
  await bed.producer.send([captured]);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(1));
  await sendAll(payment, captured);
  await caseOf(card);
  const refund = payment.update("r-1", eur(REFUNDED, 101, 2, at));
  await bed.producer.send([refund]);
  await eventually(async () => expect(await updatesOf(card)).toHaveLength(2));
  await bed.producer.send([refund]);
  await eventually(async () => {
    const after = [await counted("refunded", "over-amount"), await counted("captured", "unmatched")];
    expect(after).toEqual(before.map((count) => count + 1));
  });
});
