import type { TestBed } from "../../testing/test-bed.js";
import { startTestBed } from "../../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../../testing/test-records.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed?.close());

const SENTENCE = "Estimated fraud probability: 70 %.";

test("the queue shows the same reasons as the case's page, and the story of the case's payments", async () => {
  const ana = await bed.as(bed.people.analyst);
  const [card, nowMs] = [newCard(), Date.now()];
  const records = [100, 250, 300, 29_690].flatMap((amountMinor, index) => {
    const { vector, decision } = testPayment(bed.tenant, { card, amountMinor, atMs: nowMs - 60_000 + index * 1_000 });
    return [vector, decision];
  });
  const single = testPayment(bed.tenant, { amountMinor: 5_000 });
  await bed.producer.send([...records, single.vector, single.decision]);
  const testing = { kind: "card-testing", payments: 3, minMinor: 100, maxMinor: 300, largeMinor: 29_690, later: 0 };
  const focusReasons = [{ code: "SCORE_HIGH", text: SENTENCE, outcome: "review" }];
  await eventually(async () => {
    expect((await ana.get("/api/cases?sort=amount")).body).toMatchObject({
      cases: [
        { cardToken: card, payments: 4, focusReasons, story: { ...testing, currency: "EUR" } },
        { payments: 1, focusReasons, story: null },
      ],
    });
  });
  const { body } = await ana.get("/api/cases?sort=amount&limit=1");
  const [{ id }] = (body as { cases: [{ id: string }] }).cases;
  expect((await ana.get(`/api/cases/${id}`)).body).toMatchObject({ story: testing, focus: { reasons: focusReasons } });
  // The decision is deleted before the case.
  await bed.database.execute("DELETE FROM console.decisions WHERE tenant = $1", [bed.tenant]);
  expect((await ana.get("/api/cases?sort=amount&limit=1")).body).toMatchObject({
    cases: [{ id, focusReasons: [], reasons: ["SCORE_HIGH"] }],
  });
  expect((await ana.get("/api/cases?search=none")).body).toMatchObject({ cases: [], total: 0 });
});
