import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ListHit, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { dayIn } from "./budgets.js";
import type { DecisionInput } from "./decide-payment.js";
import { decide, decideWithinBudgets } from "./decide-payment.js";
import { parsePolicy } from "./parse-policy.js";
import { recordedInputs } from "./recorded-inputs.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);

const BUDGETS = `
  - action: review
    per_day: 200
    tenants: { small: 1200 }
    time_zone: Europe/Berlin
    when_spent:
      - { score_below: 0.2, action: approve, reason: REVIEWS_SPENT, text: "All {per_day} reviews are used; {score} is low." }
      - { score_below: 0.5, action: challenge, reason: REVIEWS_SPENT, text: "All {per_day} reviews of today are used." }
      - { action: decline, reason: REVIEWS_SPENT, text: "All {per_day} reviews of today are used." }
  - action: challenge
    per_day: 9
    time_zone: UTC
    when_spent:
      - { action: decline, reason: CHALLENGES_SPENT, text: "All challenges are used." }`;

const fileOf = (budgets: string) => `version: 1
rules:
  - { id: big, when: amount > 500, reason: BIG, action: review, text: It is big. }
  - { id: watched, when: lists.watch.any, reason: WATCHED, action: review, text: It is watched., ignores_budget: true }
  - { id: small, when: amount < 1, reason: SMALL, action: challenge, text: It is small. }
budgets:${budgets}
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;
const policy = parsePolicy(fileOf(BUDGETS), SPEC);

const transaction: Transaction = {
  transactionId: "t",
  tenant: "acme",
  clientTransactionId: "c",
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "x",
  amountMinor: 90_000,
  currency: "EUR",
  occurredAtMs: 0,
  acceptedAtMs: 0,
};
const WATCHED: ListHit = { list: "watch", kind: "card", effect: "watch", reason: "", createdAtMs: 0 };
/** 2026-07-01 in Berlin, but still the day before in UTC. */
const NIGHT_MS = Date.parse("2026-06-30T23:30:00Z");

function inputOf(amount: number, score?: number, more: Partial<DecisionInput> = {}): DecisionInput {
  return {
    transaction,
    features: { specVersion: 7, values: [amount], incomplete: false },
    score: score === undefined ? { missing: "late" } : { value: score, modelName: "fraud", modelVersion: "1" },
    listHits: [],
    decidedAtMs: NIGHT_MS,
    ...more,
  };
}
const outcomes = (input: DecisionInput) =>
  decideWithinBudgets(policy, input).map(({ decision, takes }) => [
    Outcome[decision.outcome],
    takes === undefined ? undefined : `${takes.day} ${takes.perDay}`,
  ]);

test("a payment uses the budget of its outcome, and once it is spent, the score decides", () => {
  const review = ["REVIEW", "2026-07-01 200"];
  expect(outcomes(inputOf(10))).toEqual([["APPROVE", undefined]]);
  expect(outcomes(inputOf(900, 0.1))).toEqual([review, ["APPROVE", undefined]]);
  expect(outcomes(inputOf(900, 0.3))).toEqual([review, ["CHALLENGE", "2026-06-30 9"], ["DECLINE", undefined]]);
  expect(outcomes(inputOf(900, 0.9))).toEqual([review, ["DECLINE", undefined]]);
  expect(outcomes(inputOf(0.5, 0.1))).toEqual([
    ["CHALLENGE", "2026-06-30 9"],
    ["DECLINE", undefined],
  ]);
});

test("a spent budget never approves a payment without a score", () => {
  expect(outcomes(inputOf(900))).toEqual([
    ["REVIEW", "2026-07-01 200"],
    ["DECLINE", undefined],
  ]);
  const lost = decideWithinBudgets(policy, inputOf(1, 0.1, { features: undefined }));
  expect(lost.map(({ decision }) => [decision.outcome, decision.rung])).toEqual([
    [Outcome.REVIEW, Rung.STATIC_POLICY],
    [Outcome.DECLINE, Rung.STATIC_POLICY],
  ]);
});

test("a tenant can have its own budget, which its analysts can read", () => {
  const [first, second] = decideWithinBudgets(
    policy,
    inputOf(900, 0.1, { transaction: { ...transaction, tenant: "small" } }),
  );
  expect(first?.takes).toMatchObject({ tenant: "small", perDay: 1_200 });
  expect(second?.decision.reasons.map(({ text }) => text)).toEqual([
    "All 1,200 reviews are used; 10 % is low.",
    "It is big.",
  ]);
});

test("a rule that ignores the budget counts against it and is never limited, even without features", () => {
  expect(outcomes(inputOf(900, 0.1, { listHits: [WATCHED] }))).toEqual([["REVIEW", "2026-07-01 undefined"]]);
  expect(outcomes(inputOf(1, 0.1, { listHits: [WATCHED], features: undefined }))).toEqual([
    ["REVIEW", "2026-07-01 undefined"],
  ]);
  const spent = decide(policy, inputOf(900, 0.1, { listHits: [WATCHED], spentBudgets: [Outcome.REVIEW] }));
  expect(spent).toMatchObject({ outcome: Outcome.REVIEW, spentBudgets: [] });
});

test("the decision lists the spent budgets, and can be reproduced byte for byte", () => {
  for (const input of [inputOf(10, 0.1), inputOf(900, 0.1), inputOf(900, 0.3), inputOf(900), inputOf(0.5, 0.1)]) {
    for (const { decision } of decideWithinBudgets(policy, input)) {
      const { spentBudgets } = recordedInputs(decision);
      const again = decide(policy, { ...input, spentBudgets });
      expect(Decision.encode(again).finish()).toEqual(Decision.encode(decision).finish());
    }
  }
  const all = [Outcome.CHALLENGE, Outcome.REVIEW];
  expect(decide(policy, inputOf(10, 0.1, { spentBudgets: all })).spentBudgets).toEqual([]);
  const both = decide(policy, inputOf(900, 0.3, { spentBudgets: all }));
  expect(both).toMatchObject({ outcome: Outcome.DECLINE, spentBudgets: [Outcome.REVIEW, Outcome.CHALLENGE] });
  expect(both.reasons.map(({ code }) => code)).toEqual(["CHALLENGES_SPENT", "REVIEWS_SPENT", "BIG"]);
});

const row = (more: string) => `
  - { action: review, per_day: 1, time_zone: UTC, when_spent: [${more}] }`;
const ANSWER = `reason: SPENT, text: "Spent."`;
test.each([
  [`{ action: approve, ${ANSWER} }`, "when_spent.0.action must not approve payments without a score"],
  [`{ action: review, ${ANSWER} }`, "when_spent.0.action must differ from the action that the budget limits"],
  [`{ score_below: 0.1, action: approve, ${ANSWER} }`, "when_spent.0 must not have score_below"],
  [`{ action: decline, ${ANSWER} }, { action: decline, ${ANSWER} }`, "when_spent.0 must have score_below"],
  [
    `{ score_below: 0.5, action: approve, ${ANSWER} }, { score_below: 0.2, action: challenge, ${ANSWER} }, { action: decline, ${ANSWER} }`,
    "when_spent.1.score_below must be greater than the 0.5 of the previous row",
  ],
  [`{ action: decline, reason: SPENT, text: "{score}" }`, "when_spent.0.text contains the unknown placeholder {score}"],
  ["", "when_spent must define what applies"],
])("rejects a budget with %s", (rows, fault) => {
  expect(() => parsePolicy(fileOf(row(rows)), SPEC)).toThrow(fault);
});

test("rejects circular budgets, duplicate budgets and an unknown time zone", () => {
  const spent = (action: string) => `when_spent: [{ action: ${action}, ${ANSWER} }]`;
  const review = `
  - { action: review, per_day: 1, time_zone: UTC, ${spent("challenge")} }`;
  const challenge = `
  - { action: challenge, per_day: 1, time_zone: UTC, ${spent("review")} }`;
  expect(() => parsePolicy(fileOf(review + challenge), SPEC)).toThrow("must not refer to each other");
  expect(() => parsePolicy(fileOf(review + review), SPEC)).toThrow('"review" already has a budget');
  const moon = review.replace("UTC", "Moon/Base");
  expect(() => parsePolicy(fileOf(moon), SPEC)).toThrow("time_zone must be a time zone, such as Europe/Berlin");
});

test("a day begins at midnight in its time zone, even when clocks change", () => {
  const berlin = dayIn("Europe/Berlin");
  const days = ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"];
  expect(days.map((at) => berlin(Date.parse(at)))).toEqual(["2026-03-28", "2026-03-29", "2026-03-29", "2026-03-30"]);
  expect(dayIn("Pacific/Kiritimati")(Date.parse("2026-03-28T10:00:00Z"))).toBe("2026-03-29");
});
