import { writeFile } from "node:fs/promises";
import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { payment } from "../testing/payment.js";
import { TestBed } from "../testing/test-bed.js";

const REVIEWS = 5;
const PAYMENTS = 30;

/** Reviews everything. Once the budget is spent, payments with a low score are approved, and others declined. */
const POLICY = `version: "1"
rules:
  - { id: all, when: amount >= 0, reason: ALL, action: review, text: "It is the rule." }
budgets:
  - action: review
    per_day: ${REVIEWS}
    time_zone: UTC
    when_spent:
      - { score_below: 0.5, action: approve, reason: REVIEWS_SPENT, text: "All {per_day} reviews are used; {score} is low." }
      - { action: decline, reason: REVIEWS_SPENT, text: "All {per_day} reviews are used." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.start();
  await writeFile(bed.policyFile, POLICY);
  bed.scorer.probability = ([amount = 0]) => (amount > 100 ? 0.8 : 0.1);
  await bed.restart();
});
afterAll(() => bed.close());

test("two instances together send exactly the budgeted number of payments to review, regardless of duplicates", async () => {
  const another = await bed.startAnother();
  const payments = Array.from({ length: PAYMENTS }, (_, at) =>
    payment({ values: { amount: at % 2 === 0 ? 20 : 200 } }),
  );
  const send = () => bed.producer.send(payments.map(({ record }) => record));
  await send();
  const first = await Promise.all(payments.map(({ id }) => bed.decided(id)));
  expect(first.filter(({ outcome }) => outcome === Outcome.REVIEW)).toHaveLength(REVIEWS);
  first.forEach(({ outcome, reasons, spentBudgets }, at) => {
    if (outcome === Outcome.REVIEW) return;
    expect(outcome).toBe(at % 2 === 0 ? Outcome.APPROVE : Outcome.DECLINE);
    expect(spentBudgets).toEqual([Outcome.REVIEW]);
    expect(reasons.slice(0, 2).map(({ code }) => code)).toEqual(["REVIEWS_SPENT", "ALL"]);
  });
  await send();
  for (const [at, { id }] of payments.entries()) {
    const records = await bed.decisionRecords(id, 2);
    for (const { value } of records) expect(Decision.decode(value)).toEqual(first[at]);
  }
  await another.close();
});
