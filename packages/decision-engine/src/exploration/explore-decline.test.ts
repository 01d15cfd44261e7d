import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ListHit, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, FeatureVector, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "../backtest/backtest-row.js";
import { BacktestTally } from "../backtest/backtest-tally.js";
import { truthOf } from "../backtest/population.js";
import type { Reopened } from "../backtest/reopen-payment.js";
import { decideAgain, draftRow, reopenPayment } from "../backtest/reopen-payment.js";
import type { DecisionInput } from "../decide-payment.js";
import { decide, decideWithinBudgets } from "../decide-payment.js";
import { wantsContributions } from "../explain-decision.js";
import { parsePolicy } from "../parse-policy.js";
import { switchOffRules } from "../policy.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);
const EXPLORATION = `
exploration:
  share: 0.25
  key: a-key-of-a-test-policy
  time_zone: Europe/Berlin
  limits:
    - { currency: EUR, amount_max: 50, daily_loss_max: 500 }
    - { currency: JPY, amount_max: 6000, daily_loss_max: 60000 }
  reason: EXPLORED
  text: "Approved at random: {amount_minor} with a score of {score}."`;
const fileOf = (exploration: string): string => `version: 1
rules:
  - { id: hard, when: amount == 13.0, reason: HARD, action: decline, text: It is hard., never_explored: true }
  - { id: soft, when: amount == 14.0, reason: SOFT, action: decline, text: It is soft. }
  - { id: unlisted, when: amount == 15.0 && !lists.allow.any, reason: UNLISTED, action: decline, text: It is not listed. }
  - { id: reviewed, when: amount == 17.0, reason: REVIEWED, action: review, text: It is reviewed. }
  - { id: trusted, when: amount == 18.0, reason: TRUSTED, action: approve, text: It is trusted., never_explored: true }
  - { id: watched, when: amount == 16.0, reason: WATCHED, action: review, text: It is watched., never_explored: true }
bands:
  - { at_least: 0.8, action: decline, reason: SCORE, text: "The score is {score}." }
budgets:
  - action: review
    per_day: 1
    time_zone: UTC
    when_spent: [{ action: decline, reason: SPENT, text: All reviews are used. }]${exploration}
default_decision:
  default: { action: decline, reason: NO_FACTS, text: Nothing is known. }
`;
const policy = parsePolicy(fileOf(EXPLORATION), SPEC);
const HIT: ListHit = { list: "old", kind: "card", effect: "allow", reason: "", createdAtMs: 0 };
const TIMES = 2_000;
const SCORE = { value: 0.9, modelName: "fraud", modelVersion: "1" };

const paymentOf = (id: number, more: Partial<Transaction> = {}): Transaction => ({
  ...{ transactionId: `txn_${id}`, tenant: "acme", clientTransactionId: `c${id}`, cardToken: "ct_1", ...UNSENT },
  ...{ terminalId: "x", amountMinor: 2_000, currency: "EUR", occurredAtMs: 0, acceptedAtMs: 0, ...more },
});
const inputOf = (transaction: Transaction, more: Partial<DecisionInput> = {}, amount = 20, score = 0.9) => ({
  transaction,
  features: { specVersion: 7, values: [amount], incomplete: false },
  score: { value: score, modelName: "fraud", modelVersion: "1" },
  listHits: [],
  decidedAtMs: Date.parse("2026-06-30T23:30:00Z"),
  ...more,
});

function reopened(archived: Decision, id: number): Reopened {
  const vector = { ...FeatureVector.decode(Buffer.of()), transaction: paymentOf(id), specVersion: 7, values: [20] };
  const deciders = { specVersion: 7, policyOf: () => policy, scorecardOf: () => undefined };
  const opened = reopenPayment(archived, vector, undefined, deciders);
  if ("reason" in opened) throw new Error(opened.reason);
  return opened;
}

test("a share of the declines is approved, with the reason and the probability", () => {
  const decisions = Array.from({ length: TIMES }, (_, id) => decide(policy, inputOf(paymentOf(id))));
  const explored = decisions.filter(({ outcome }) => outcome === Outcome.APPROVE);
  expect(explored.length / TIMES).toBeCloseTo(0.25, 1);
  expect(new Set(decisions.map(({ explorationProbability }) => explorationProbability))).toEqual(new Set([0.25]));
  expect(explored[0]?.reasons.map(({ code, outcome }) => [code, outcome])).toEqual([
    ["EXPLORED", Outcome.APPROVE],
    ["SCORE", Outcome.DECLINE],
  ]);
  expect(explored[0]?.reasons[0]?.text).toBe("Approved at random: 20.00 EUR with a score of 90 %.");
  expect(explored.every(wantsContributions)).toBe(true);
  const otherKey = parsePolicy(fileOf(EXPLORATION.replace("a-key", "another-key")), SPEC);
  const both = explored.filter(({ transactionId: id }) =>
    [Outcome.APPROVE].includes(decide(otherKey, inputOf(paymentOf(Number(id.slice(4))))).outcome),
  );
  expect(both.length / explored.length).toBeCloseTo(0.25, 1);
});

test.each<[string, DecisionInput]>([
  ["an amount above the maximum", inputOf(paymentOf(1, { amountMinor: 5_001 }))],
  ["no amount", inputOf(paymentOf(1, { amountMinor: 0 }))],
  ["another currency", inputOf(paymentOf(1, { currency: "SEK" }))],
  ["a list entry", inputOf(paymentOf(1), { listHits: [HIT] })],
  ["a rule that is never explored", inputOf(paymentOf(1), {}, 13, 0.1)],
  ["a milder rule that is never explored", inputOf(paymentOf(1), {}, 16)],
  ["regression #31: an approving rule that is never explored", inputOf(paymentOf(1), {}, 18)],
  ["a rule that reads lists", inputOf(paymentOf(1), {}, 15, 0.1)],
  ["no score", inputOf(paymentOf(1), { score: { missing: "late" } }, 14)],
  ["the default decision", inputOf(paymentOf(1), { features: undefined })],
  ["an approval", inputOf(paymentOf(1), {}, 20, 0.1)],
])("%s rules out exploration", (_why, input) => {
  const choices = decideWithinBudgets(policy, input);
  expect(choices.map(({ decision }) => decision.explorationProbability)).toEqual([undefined]);
  expect(choices[0]?.takes).toBeUndefined();
});

test.each([
  ["hard", undefined],
  ["unlisted", undefined],
  ["soft", 0.25],
])("regression #31: if the %s rule is switched off, the probability is %s", (id, probability) => {
  const decision = decide(switchOffRules(policy, [id]), inputOf(paymentOf(1)));
  expect(decision.explorationProbability).toBe(probability);
  expect(decision.skippedRules.map(({ ruleId }) => ruleId)).toEqual([id]);
  expect(decideAgain(reopened(decision, 1), SCORE)).toEqual(decision);
});

test("a decline must fit within the rest of the day's limit, but only an approval uses it up", () => {
  const choices = [paymentOf(1), paymentOf(2), paymentOf(3), paymentOf(4), paymentOf(5)].map((payment) =>
    decideWithinBudgets(policy, inputOf(payment, {}, 14, 0.1)),
  );
  const drawn = choices.map(([first]) => first?.decision.outcome === Outcome.APPROVE);
  expect(drawn).toContain(true);
  expect(drawn).toContain(false);
  for (const [open, spent] of choices) {
    const isCharged = open?.decision.outcome === Outcome.APPROVE;
    const takes = { tenant: "acme", what: "explored-eur", day: "2026-07-01", perDay: 50_000, units: 2_000 };
    expect(open?.takes).toEqual({ ...takes, isCharged });
    expect(spent?.takes).toBeUndefined();
    expect(spent?.decision).toMatchObject({ outcome: Outcome.DECLINE, explorationProbability: 0 });
    expect(spent?.decision.reasons.map(({ code }) => code)).toEqual(["SOFT"]);
  }
});

test("a replay gives the same decisions, and a backtest explores nothing but counts what could be explored", () => {
  for (const id of [1, 2, 3, 4, 5]) {
    for (const { decision } of decideWithinBudgets(policy, inputOf(paymentOf(id)))) {
      const archived = Decision.decode(Decision.encode(decision).finish());
      const opened = reopened(archived, id);
      expect(decideAgain(opened, SCORE)).toEqual(archived);
      expect(draftRow(opened, new Set())).toMatchObject({
        drafted: Outcome.DECLINE,
        explorable: { probability: 0.25, score: 0.9, dailyLossMinorMax: 50_000 },
      });
    }
  }
});

test("regression #31: a backtest does not report an explored payment as a change, and without a label treats it as genuine", () => {
  const [explored, declined] = [true, false].map((isWanted) => {
    const rows = Array.from({ length: 50 }, (_, id) => ({ id, decision: decide(policy, inputOf(paymentOf(id))) }));
    const found = rows.find(({ decision }) => (decision.outcome === Outcome.APPROVE) === isWanted);
    if (found === undefined) throw new Error("none found");
    return draftRow(reopened(found.decision, found.id), new Set());
  }) as [BacktestRow, BacktestRow];
  expect([explored.exploredWeight, declined.exploredWeight]).toEqual([4, undefined]);
  const rule = { matureBeforeMs: 1, isUnlabelledGenuine: true };
  expect([truthOf(explored, rule), truthOf(declined, rule)]).toEqual(["genuine", "unlabelled"]);
  const tally = new BacktestTally([], rule);
  tally.add(explored);
  expect(tally.figures()).toMatchObject({ changes: {}, decided: { outcomes: { decline: 1 } } });
});

test("a decline caused by a spent budget is not explored", () => {
  const choices = decideWithinBudgets(policy, inputOf(paymentOf(1), {}, 17, 0.1));
  expect(choices.map(({ decision }) => decision.outcome)).toEqual([Outcome.REVIEW, Outcome.DECLINE]);
  for (const { decision } of choices) {
    const { spentBudgets } = decision;
    expect(decide(policy, inputOf(paymentOf(1), { spentBudgets }, 17, 0.1))).toEqual(decision);
    expect(decision).not.toHaveProperty("explorationProbability");
  }
});

test("without the section, the same payment is declined and has no probability", () => {
  const decision = decide(parsePolicy(fileOf(""), SPEC), inputOf(paymentOf(1)));
  expect(decision.outcome).toBe(Outcome.DECLINE);
  expect(decision).not.toHaveProperty("explorationProbability");
});

test.each([
  ["share: 0.25", "share: 0", "must be above 0"],
  ["a-key-of-a-test-policy", "short", "must have at least 16 characters"],
  ["currency: JPY", "currency: EUR", '"EUR" already has a limit'],
  ["daily_loss_max: 500 ", "daily_loss_max: 40 ", "must not be below amount_max"],
  ["amount_max: 6000", "amount_max: 60.5", "must have at most 0 decimals in JPY"],
  ["{score}", "{age}", "contains the unknown placeholder {age}"],
])("%s -> %s is rejected", (from, to, sentence) => {
  expect(() => parsePolicy(fileOf(EXPLORATION.replace(from, to)), SPEC)).toThrow(sentence);
});
