import { readFileSync } from "node:fs";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { UNSENT } from "@tripline/contracts/unsent-fields";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(readFileSync(new URL("../../policy.yaml", import.meta.url), "utf8"), SPEC);

/** An everyday payment of 40 EUR by a card that is known. */
const USUAL: Readonly<Record<string, number>> = { amount: 40, card_count_30d: 40, card_count_1d: 2 };

function decideWith(change: Readonly<Record<string, number>>, score: number | undefined, effects: string[] = []) {
  const features = { ...USUAL, ...change };
  return decide(POLICY, {
    transaction: {
      transactionId: "txn_1",
      tenant: "demo",
      clientTransactionId: "1",
      cardToken: "ct_1",
      terminalId: "t",
      amountMinor: Math.round(100 * (features.amount ?? 0)),
      currency: "EUR",
      occurredAtMs: 0,
      acceptedAtMs: 0,
      ...UNSENT,
    },
    features: {
      specVersion: SPEC.version,
      values: SPEC.features.map((item) => features[item.name] ?? item.default),
      incomplete: false,
    },
    listHits: effects.map((effect) => ({ list: effect, kind: "card", effect, reason: "Known", createdAtMs: 0 })),
    score: score === undefined ? { missing: "none" } : { value: score, modelName: "fraud", modelVersion: "v" },
    decidedAtMs: 0,
  });
}

const cases: [string, Readonly<Record<string, number>>, number | undefined, Outcome][] = [
  ["NOTHING_UNUSUAL", {}, 0.01, Outcome.APPROVE],
  ["SCORE_RAISED", {}, 0.15, Outcome.CHALLENGE],
  ["SCORE_HIGH", {}, 0.35, Outcome.REVIEW],
  ["SCORE_VERY_HIGH", {}, 0.6, Outcome.DECLINE],
  ["UNUSUAL_AMOUNT_AFTER_FRAUD", { amount: 90, card_ratio_30d: 3, card_fraud_count_7d: 1 }, 0.01, Outcome.DECLINE],
  ["TERMINAL_WITH_FRAUDS", { terminal_fraud_count_7d: 3, terminal_fraud_rate_7d: 0.6 }, 0.01, Outcome.REVIEW],
  ["VERY_LARGE_AMOUNT", { amount: 1_000 }, 0.01, Outcome.REVIEW],
  ["AMOUNT_FAR_ABOVE_OWN_MEAN", { amount: 160, card_ratio_30d: 4 }, 0.01, Outcome.CHALLENGE],
  ["BURST_OF_PAYMENTS", { card_count_1d: 8, card_seconds_since_last: 20 }, 0.01, Outcome.CHALLENGE],
  ["LARGE_AMOUNT_WITHOUT_SCORE", { amount: 200 }, undefined, Outcome.CHALLENGE],
  ["NOTHING_UNUSUAL", {}, undefined, Outcome.APPROVE],
  ["KNOWN_FRAUD_ON_CARD", { card_fraud_count_30d: 2 }, 0.01, Outcome.APPROVE],
  ["FIRST_PAYMENT_OF_CARD", { card_count_30d: 1 }, 0.01, Outcome.APPROVE],
];
test.each(cases)("%s with %j and a score of %s", (code, change, score, outcome) => {
  const decision = decideWith(change, score);
  expect(decision.reasons.map((reason) => reason.code)).toEqual([code]);
  expect(decision.outcome).toBe(outcome);
  expect(decision.rung).toBe(score === undefined ? Rung.RULES_ONLY : Rung.MODEL);
  expect(decision.reasons[0]?.text).not.toMatch(/[{}]|unknown/);
});

test.each<[readonly string[], number, Outcome, readonly string[]]>([
  [["deny"], 0.01, Outcome.DECLINE, ["ON_DENY_LIST"]],
  [["watch"], 0.01, Outcome.REVIEW, ["ON_WATCH_LIST"]],
  [["allow"], 0.9, Outcome.APPROVE, ["ON_ALLOW_LIST"]],
  [["deny", "watch", "allow"], 0.01, Outcome.DECLINE, ["ON_DENY_LIST", "ON_WATCH_LIST"]],
  [["watch", "allow"], 0.9, Outcome.DECLINE, ["SCORE_VERY_HIGH", "ON_WATCH_LIST"]],
])("a card on the lists %j with a score of %s", (effects, score, outcome, codes) => {
  const decision = decideWith({}, score, [...effects]);
  expect(decision.outcome).toBe(outcome);
  expect(decision.reasons.map((reason) => reason.code)).toEqual(codes);
});
