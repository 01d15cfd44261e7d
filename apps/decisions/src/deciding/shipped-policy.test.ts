import { readFileSync } from "node:fs";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { runExamples } from "@tripline/decision-engine/run-examples";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(readFileSync(new URL("../../policy.yaml", import.meta.url), "utf8"), SPEC);

/** An ordinary payment of 40 EUR by a known card. */
const USUAL: Readonly<Record<string, number>> = {
  amount: 40,
  card_count_30d: 40,
  card_count_1d: 2,
  card_terminal_is_new: 0,
};

function decideWith(
  change: Readonly<Record<string, number>>,
  score: number | undefined,
  effects: string[] = [],
  sent: Partial<Transaction> = {},
) {
  const features = { ...USUAL, ...change };
  return decide(POLICY, {
    transaction: {
      transactionId: "txn_1",
      tenant: "demo",
      clientTransactionId: "1",
      cardToken: "ct_1",
      ...UNSENT,
      terminalId: "t",
      amountMinor: Math.round(100 * (features.amount ?? 0)),
      currency: "EUR",
      occurredAtMs: 0,
      acceptedAtMs: 0,
      ...sent,
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
  ["BURST_FROM_DEVICE", { device_count_1h: 6 }, 0.01, Outcome.CHALLENGE],
  ["DEVICE_WITH_MANY_CARDS", { device_cards_1d: 4 }, 0.01, Outcome.REVIEW],
  ["BURST_OF_PAYER", { email_count_1d: 15 }, 0.01, Outcome.CHALLENGE],
  ["PAYER_WITH_MANY_CARDS", { email_cards_7d: 4 }, 0.01, Outcome.REVIEW],
  ["CARD_TESTED", { amount: 2, card_count_1h: 5, card_sum_1h: 8 }, 0.01, Outcome.CHALLENGE],
  ["CARDS_TESTED_AT_TERMINAL", { amount: 2, terminal_cards_1h: 8, terminal_mean_1h: 2 }, 0.01, Outcome.CHALLENGE],
  [
    "ISSUER_TESTED_AT_TERMINAL",
    { amount: 2, terminal_bin_cards_1h: 5, terminal_bin_mean_1h: 2 },
    0.01,
    Outcome.DECLINE,
  ],
  [
    "IMPOSSIBLE_TRAVEL",
    { card_distance_from_last: 300, card_seconds_since_last: 600, card_count_1d: 2 },
    0.01,
    Outcome.CHALLENGE,
  ],
];
test.each(cases)("%s fires for %j and a score of %s", (code, change, score, outcome) => {
  const decision = decideWith(change, score);
  expect(decision.reasons.map((reason) => reason.code)).toEqual([code]);
  expect(decision.outcome).toBe(outcome);
  expect(decision.rung).toBe(score === undefined ? Rung.RULES_ONLY : Rung.MODEL);
  expect(decision.reasons[0]?.text).not.toMatch(/[{}]|unknown/);
});

test.each<[string, Readonly<Record<string, number>>, Partial<Transaction>]>([
  ["FIRST_USE_ABROAD", { amount: 60, card_country_count_30d: 1 }, { cardCountry: "BE", merchantCountry: "FR" }],
  ["ADDRESS_ABROAD", { amount: 60, card_ratio_30d: 2 }, { cardCountry: "BE", ipCountry: "US" }],
  ["NEW_TERMINAL_AT_NIGHT", { amount: 120, card_terminal_is_new: 1 }, { occurredAtMs: 3 * 3_600_000 }],
])("%s fires for %j and %j", (code, change, sent) => {
  const decision = decideWith(change, 0.01, [], sent);
  expect(decision.reasons.map((reason) => [reason.code, reason.outcome])).toEqual([[code, Outcome.CHALLENGE]]);
  expect(decision.reasons[0]?.text).not.toMatch(/[{}]|unknown/);
  // A payment without a location does not count against its card.
  expect(decideWith({ ...change, card_terminal_is_new: 0 }, 0.01).outcome).toBe(Outcome.APPROVE);
});

test("shadow rules are recorded but change nothing", () => {
  const tried = { card_terminals_1d: 12, ip_cards_1d: 20, terminal_count_1h: 20, terminal_count_30d: 100 };
  const decision = decideWith(tried, 0.01);
  expect(decision.outcome).toBe(Outcome.APPROVE);
  expect(decision.shadowHits.map(({ code }) => code)).toEqual([
    ...["MANY_TERMINALS_IN_A_DAY", "RUSH_AT_TERMINAL", "ADDRESS_WITH_MANY_CARDS"],
  ]);
});

test("every rule has an example that fires and one that does not, and all examples pass", () => {
  expect(POLICY.rules.length).toBeGreaterThanOrEqual(25);
  const incomplete = POLICY.rules.filter(({ examples }) => new Set(examples.map(({ fires }) => fires)).size < 2);
  expect(incomplete.map(({ id }) => id)).toEqual([]);
  expect(runExamples(POLICY, SPEC)).toMatchObject({ faults: [], unproven: [] });
});

test.each<[readonly string[], number, Outcome, readonly string[]]>([
  [["deny"], 0.01, Outcome.DECLINE, ["ON_DENY_LIST"]],
  [["watch"], 0.01, Outcome.REVIEW, ["ON_WATCH_LIST"]],
  [["allow"], 0.9, Outcome.APPROVE, ["ON_ALLOW_LIST"]],
  [["deny", "watch", "allow"], 0.01, Outcome.DECLINE, ["ON_DENY_LIST", "ON_WATCH_LIST"]],
  [["watch", "allow"], 0.9, Outcome.DECLINE, ["SCORE_VERY_HIGH", "ON_WATCH_LIST"]],
])("decides by lists for a card on %j with a score of %s", (effects, score, outcome, codes) => {
  const decision = decideWith({}, score, [...effects]);
  expect(decision.outcome).toBe(outcome);
  expect(decision.reasons.map((reason) => reason.code)).toEqual(codes);
});
