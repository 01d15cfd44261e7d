import { randomBytes } from "node:crypto";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import { eraseProjection } from "../erasures/erase-projection.js";
import { exportCard } from "../erasures/export-card.js";
import { maskToken } from "../requests/mask-token.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, testPayment } from "../testing/test-records.js";

const ACCOUNT = `at_${randomBytes(16).toString("hex")}`;
const MERCHANT = `m-${randomBytes(8).toString("hex")}`;
const found = z.object({ decisions: z.array(z.object({ transactionId: z.string() })) });
const shown = z.object({ facts: z.array(z.object({ name: z.string(), title: z.string(), text: z.string() })) });
const cardRow = z.object({ card_token: z.string() });

let bed: TestBed;
let ids: readonly string[];

beforeAll(async () => {
  bed = await startTestBed();
  const fields = { accountToken: ACCOUNT, merchantId: MERCHANT, mcc: "5732" };
  const payments = [
    testPayment(bed.tenant, { fields, outcome: Outcome.APPROVE, atMs: Date.now() - 2_000 }),
    testPayment(bed.tenant, { fields, outcome: Outcome.REVIEW }),
    testPayment(bed.tenant, { fields: { merchantId: `${MERCHANT}-other` } }),
    testPayment(`${bed.tenant}-other`, { fields }),
  ];
  ids = payments.map(({ transactionId }) => transactionId);
  await bed.producer.send(payments.flatMap(({ vector, decision }) => [vector, decision]));
});
afterAll(() => bed?.close());

const own = () => ids.slice(0, 2).toSorted();
const idsOf = (body: unknown) => found.parse(body).decisions.map(({ transactionId }) => transactionId);

test("finds the tenant's own payments by account or merchant", async () => {
  const ana = await bed.as(bed.people.analyst);
  await eventually(async () => {
    for (const query of [`account=${ACCOUNT}`, `merchant=${MERCHANT}`, `merchant=${MERCHANT}&account=${ACCOUNT}`])
      expect(idsOf((await ana.get(`/api/decisions?${query}`)).body).toSorted()).toEqual(own());
  });
  expect(idsOf((await ana.get(`/api/decisions?account=${ACCOUNT}&outcome=review`)).body)).toEqual([ids[1]]);
  for (const path of [`account/${ACCOUNT}`, `merchant/${MERCHANT}`]) {
    const { status, body } = await ana.get(`/api/entities/${path}`);
    expect([status, body]).toMatchObject([200, { payments: 2, frauds: 0, lists: [] }]);
    expect(idsOf(body).toSorted()).toEqual(own());
  }
  expect((await ana.get(`/api/entities/colour/red`)).status).toBe(404);
});

test("a decision shows the fields that were sent, with personal tokens only for users who may see them", async () => {
  const ana = await bed.as(bed.people.analyst);
  const factsOf = async (browser: typeof ana) =>
    shown.parse((await browser.get(`/api/decisions/${ids[0]}`)).body).facts.map(({ name, text }) => [name, text]);
  await eventually(async () => expect((await factsOf(ana)).length).toBeGreaterThan(0));
  const facts = [
    ["terminal_id", "T1"],
    ["merchant_id", MERCHANT],
    ["mcc", "5732"],
  ];
  expect(await factsOf(ana)).toEqual([...facts, ["account_token", ACCOUNT]]);
  expect(await factsOf(await bed.as(bed.people.viewer))).toEqual([...facts, ["account_token", maskToken(ACCOUNT)]]);
});

test("an export of a card includes the values, and an erasure of the card deletes them", async () => {
  const payment = testPayment(bed.tenant, { fields: { accountToken: ACCOUNT } });
  await bed.producer.send([payment.vector, payment.decision]);
  const values = async () => {
    const text =
      "SELECT card_token FROM console.payment_values JOIN console.payments USING (transaction_id) WHERE transaction_id = $1";
    return bed.database.query(cardRow, text, [payment.transactionId]);
  };
  await eventually(async () => expect(await values()).toHaveLength(1));
  const [{ card_token: card } = { card_token: "" }] = await values();
  const exported: string[] = [];
  for await (const { table } of exportCard(bed.database, bed.tenant, card)) exported.push(table);
  expect(exported).toContain("payment_values");
  await eraseProjection(bed.database, { tenant: bed.tenant, subject: card });
  const left =
    "SELECT card_token FROM (SELECT 'x' AS card_token FROM console.payment_values WHERE transaction_id = $1) v";
  expect(await bed.database.query(cardRow, left, [payment.transactionId])).toEqual([]);
});
