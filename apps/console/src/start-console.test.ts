import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TestBed } from "./testing/test-bed.js";
import { startTestBed } from "./testing/test-bed.js";
import { eventually, newCard, testPayment } from "./testing/test-records.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});

afterAll(() => bed?.close());

test("a user signs in and finds the case of a stopped payment, with its full explanation", async () => {
  const browser = await bed.as(bed.people.analyst);
  await expect(browser.get("/api/session")).resolves.toMatchObject({
    status: 200,
    body: { person: { name: "Ana" }, tenant: bed.tenant, roles: ["analyst"] },
  });
  const card = newCard();
  const before = testPayment(bed.tenant, {
    card,
    outcome: Outcome.APPROVE,
    amountMinor: 1_000,
    atMs: Date.now() - 86_400_000,
  });
  const held = testPayment(bed.tenant, { card, terminal: "T9" });
  // The decision is sent first, because a payment and its decision may arrive in any order.
  await bed.producer.send([held.decision, before.vector, before.decision]);
  await bed.producer.send([held.vector]);
  const row = await eventually(async () => {
    const { body } = await browser.get(`/api/cases?search=${card}&status=open`);
    expect(body).toMatchObject({
      total: 1,
      cases: [{ outcome: "review", payments: 1, amountMinor: 12_345, cardToken: card }],
    });
    return (body as { cases: [{ id: string }] }).cases[0];
  });
  await expect(browser.get(`/api/cases/${row.id}`)).resolves.toMatchObject({
    status: 200,
    body: {
      focus: { transactionId: held.transactionId, reasons: [{ code: "SCORE_HIGH" }], caseId: row.id },
      usual: { payments: 1, amountMedianMinor: 1_000 },
      narrative: expect.stringContaining("at terminal T9"),
      history: [{ text: "Opened with 1 payment.", by: null }],
    },
  });
  await expect(browser.get("/api/decisions?limit=1")).resolves.toMatchObject({
    body: { decisions: [{}], next: expect.any(String) },
  });
});
