import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TestDecider } from "../testing/decider.js";
import type { TestBed } from "../testing/service.js";
import { paymentBody, startTestBed } from "../testing/service.js";

const PATH = "/v1/transactions";
const WAIT = { prefer: "wait=10" };

let bed: TestBed;
let decider: TestDecider;

beforeAll(async () => {
  bed = await startTestBed();
  decider = new TestDecider(bed.kafka, bed.redis);
  await decider.start();
});

afterAll(async () => {
  await decider.close();
  await bed.close();
});

test("without the scope decisions:explain, a caller gets the outcome and codes, but no score and no sentence with values", async () => {
  const scope = "transactions:write decisions:read";
  const coarse = await bed.clientOf({ scope });
  const body = paymentBody();
  const id = transactionId("acme", String(body.transaction_id));
  const asked = await coarse.post(PATH, body, WAIT);
  expect(asked.body).toMatchObject({
    outcome: "review",
    reasons: [{ code: "AMOUNT_FAR_ABOVE_OWN_MEAN", outcome: "review" }],
  });
  const found = await coarse.get(`/v1/decisions/${id}`);
  const batch = await coarse.postLines(`${PATH}/batch`, [JSON.stringify(body)], WAIT);
  const again = await coarse.post(PATH, body, WAIT);
  for (const answer of [asked, found, batch, again]) {
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("AMOUNT_FAR_ABOVE_OWN_MEAN");
    expect(answer.text).not.toMatch(/score|"text"|far above/);
  }
  await expect(bed.client.get(`/v1/decisions/${id}`)).resolves.toMatchObject({
    body: { score: 0.25, reasons: [{ text: "The amount is far above the card's average." }] },
  });
});

test("regression #24: decisions:explain returns rounded scores everywhere; exact scores need decisions:exact", async () => {
  const exact = await bed.clientOf({ scope: "transactions:write decisions:read decisions:exact" });
  const body = { ...paymentBody(), transaction_id: `score-${Math.random()}` };
  const text = "The estimated fraud probability is 34.1 %, and not 134.1 %.";
  decider.changes = { score: 0.341_234_5, reasons: [{ code: "SCORE_RAISED", text, outcome: Outcome.REVIEW }] };
  const id = transactionId("acme", body.transaction_id);
  const answersOf = async (client: typeof exact) => [
    await client.post(PATH, body, WAIT),
    await client.get(`/v1/decisions/${id}`),
    await client.postLines(`${PATH}/batch`, [JSON.stringify(body)], WAIT),
    await client.post(PATH, body, WAIT),
  ];
  for (const { status, text } of await answersOf(bed.client)) {
    expect(status).toBe(200);
    expect(text).toContain('"score":0.35');
    expect(text).toContain("The estimated fraud probability is about 35 %, and not 134.1 %.");
  }
  for (const { text } of await answersOf(exact)) {
    expect(text).toContain('"score":0.3412345');
    expect(text).toContain("is 34.1 %, and not");
  }
});
