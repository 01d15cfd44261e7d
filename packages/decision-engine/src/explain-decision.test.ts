import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision as DecisionMessage, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { wantsContributions, withContributions } from "./explain-decision.js";
import { parsePolicy } from "./parse-policy.js";

const SPEC = currentFeatureSpec();
const POLICY_TEXT = `
version: 1
bands:
  - { at_least: 0.5, action: decline, reason: SCORE_HIGH, text: "The score is {score}." }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
const POLICY = parsePolicy(POLICY_TEXT, SPEC);
const BAND = { code: "SCORE_HIGH", text: "The score is 70 %.", outcome: Outcome.DECLINE };

function decision(change: Partial<Decision> = {}): Decision {
  return {
    ...DecisionMessage.decode(new Uint8Array()),
    outcome: Outcome.DECLINE,
    rung: Rung.MODEL,
    reasons: [BAND],
    ...change,
  };
}

/** One number per feature, default 0. */
function vector(values: Readonly<Record<string, number>>): number[] {
  for (const name of Object.keys(values)) expect(SPEC.features.map((feature) => feature.name)).toContain(name);
  return SPEC.features.map((feature) => values[feature.name] ?? 0);
}

/** A vector of a card with a history, with amounts in EUR. */
const payment = (values: Readonly<Record<string, number>>) => ({ currency: "EUR", values: vector(values) });
const textsOf = (
  values: Readonly<Record<string, number>>,
  contributions: Readonly<Record<string, number>>,
): readonly string[] =>
  withContributions(POLICY, decision({ reasons: [] }), payment(values), vector(contributions)).reasons.map(
    ({ text }) => text,
  );

test("adds the topics that raised the score most, each by its strongest feature, after the other reasons", () => {
  const values = {
    amount: 250,
    card_count_5m: 4,
    card_count_1h: 5,
    card_count_1d: 9,
    card_count_7d: 21,
    card_count_30d: 64,
  };
  const contributions = vector({
    amount: 0.5,
    card_count_5m: 1.5,
    card_count_1h: 0.1,
    card_count_1d: 0.7,
    hour_of_day: -3,
    is_night: 2.9,
    terminal_fraud_count_7d: 0.6,
    terminal_risk_7d: 0.9,
    card_distance_from_home: 0.4,
    card_terminals_1d: 0.3,
  });
  const features = { ...values, terminal_fraud_count_7d: 1, terminal_risk_7d: 0.108, card_distance_from_home: 812.4 };
  const explained = withContributions(POLICY, decision(), payment(features), contributions);
  expect(explained.reasons).toEqual([
    BAND,
    {
      code: "SCORE_RAISED_BY_CARD_COUNT_5M",
      text: "This card made 4 payments within 5 minutes; this card usually makes 2 a day.",
      outcome: Outcome.APPROVE,
    },
    {
      code: "SCORE_RAISED_BY_TERMINAL_RISK_7D",
      text: "Smoothed fraud rate of this terminal, 7 days: 10.8 %.",
      outcome: Outcome.APPROVE,
    },
    { code: "SCORE_RAISED_BY_AMOUNT", text: "The amount is 250.00 EUR.", outcome: Outcome.APPROVE },
    {
      code: "SCORE_RAISED_BY_CARD_DISTANCE_FROM_HOME",
      text: "It took place 812 km from where this card usually pays.",
      outcome: Outcome.APPROVE,
    },
  ]);
  expect({ ...explained, reasons: [BAND] }).toEqual(decision());
});

describe("the baseline in a reason", () => {
  const seen = { card_count_1d: 4, card_count_7d: 18, card_count_30d: 64 };

  test.each<[string, Record<string, number>, Record<string, number>, string]>([
    [
      "includes how often it pays, next to the time since its last payment",
      { ...seen, card_seconds_since_last: 4_200 },
      { card_seconds_since_last: 1 },
      "The previous payment of this card was 70 minutes earlier; this card usually makes 2 a day.",
    ],
    [
      "gives the frequency per week if it pays less than once a day",
      { card_count_5m: 1, card_count_1d: 1, card_count_7d: 3, card_count_30d: 13 },
      { card_count_5m: 1 },
      "This card made 1 payment within 5 minutes; this card usually makes 3 a week.",
    ],
    [
      "uses the days since the card was first seen, but at least a week",
      { card_count_5m: 3, card_count_1d: 10, card_count_7d: 24, card_count_30d: 24 },
      { card_count_5m: 1 },
      "This card made 3 payments within 5 minutes; this card usually makes 3 a day.",
    ],
    [
      "is omitted if it made no other payment",
      { card_count_5m: 3, card_count_1d: 3, card_count_7d: 3, card_count_30d: 3 },
      { card_count_5m: 1 },
      "This card made 3 payments within 5 minutes.",
    ],
    [
      "is omitted if the value is the count that it would be compared with",
      seen,
      { card_count_30d: 1 },
      "This card made 64 payments within 30 days.",
    ],
    [
      "includes how much it pays, next to the amount",
      { ...seen, amount: 250, card_ratio_usual: 5 },
      { amount: 1 },
      "The amount is 250.00 EUR; this card usually pays 50.00 EUR.",
    ],
    [
      "includes how much it pays, next to a comparison",
      { ...seen, amount: 1_250, card_ratio_usual: 5, card_z_score_30d: 7.345 },
      { card_z_score_30d: 1 },
      "The amount is +7.3 standard deviations from this card's 30-day mean; this card usually pays 250.00 EUR.",
    ],
    [
      "omits its amounts if it is new",
      { amount: 250, card_ratio_usual: 1 },
      { amount: 1 },
      "The amount is 250.00 EUR.",
    ],
  ])("%s", (_case, values, contributions, text) => {
    expect(textsOf(values, contributions)).toEqual([text]);
  });

  test("includes how often a terminal is used, but nothing for a device, which is only known for a day", () => {
    const device = {
      key: "device_token",
      optional: true,
      usually: { rate: "this device usually makes {value}" },
    } as const;
    const policy = parsePolicy(POLICY_TEXT, { ...SPEC, entities: { ...SPEC.entities, device } });
    const terminal = { terminal_count_1h: 40, terminal_count_7d: 740, terminal_count_30d: 3_040 };
    const features = payment({ ...terminal, device_count_1h: 2, device_count_1d: 9 });
    const contributions = vector({ terminal_count_1h: 2, device_count_1h: 1 });
    const { reasons } = withContributions(policy, decision({ reasons: [] }), features, contributions);
    expect(reasons.map(({ text }) => text)).toEqual([
      "This terminal took 40 payments within an hour; this terminal usually takes 100 a day.",
      "This device made 2 payments within an hour.",
    ]);
  });
});

test("uses a different sentence, or none, if there is no history", () => {
  const values = {
    card_seconds_since_last: 2_592_000,
    card_distance_from_home: -1,
    terminal_days_since_run_began: 3_650,
  };
  const contributions = { card_seconds_since_last: 1, card_distance_from_home: 3, terminal_days_since_run_began: 2 };
  expect(textsOf(values, contributions)).toEqual(["This card made no other payment in the last 30 days."]);
});

test("expresses a time in everyday words", () => {
  const values = { terminal_days_since_run_began: 5.71, hour_of_day: 3, weekday: 6 };
  expect(textsOf(values, { terminal_days_since_run_began: 3, hour_of_day: 2, weekday: 1 })).toEqual([
    "Every labelled payment at this terminal in the last 5 days was fraud.",
    "It took place in the hour from 03:00 (UTC).",
    "It took place on a Saturday (UTC).",
  ]);
});

test("omits a sentence that applies only to the value yes if the value is no", () => {
  expect(textsOf({ is_night: 1 }, { is_weekend: 2, is_night: 1 })).toEqual([
    "It took place at night (before 7:00 UTC).",
  ]);
});

test("gives no reason for a feature or topic that did not raise the score", () => {
  const explain = (values: Record<string, number>, contributions: readonly number[]) =>
    withContributions(POLICY, decision(), payment(values), contributions);
  expect(explain({ amount: 5 }, vector({ amount: -1 }))).toEqual(decision());
  expect(explain({}, vector({}).fill(Number.NaN))).toEqual(decision());
  expect(explain({ card_count_1h: 4 }, vector({ card_count_1h: 1, card_count_1d: -2 }))).toEqual(decision());
});

test("ignores a contribution without its feature", () => {
  const none = { currency: "EUR", values: [] };
  expect(withContributions(POLICY, decision(), none, [5]).reasons).toEqual([BAND]);
  expect(withContributions(POLICY, decision(), none, [...vector({}), 5]).reasons).toEqual([BAND]);
});

test.each([
  [Outcome.APPROVE, Rung.MODEL, false],
  [Outcome.CHALLENGE, Rung.MODEL, true],
  [Outcome.REVIEW, Rung.MODEL, true],
  [Outcome.DECLINE, Rung.MODEL, true],
  [Outcome.DECLINE, Rung.RULES_ONLY, false],
  [Outcome.DECLINE, Rung.STATIC_POLICY, false],
])("an outcome of %d at fallback level %d requests contributions: %s", (outcome, rung, isWanted) => {
  expect(wantsContributions(decision({ outcome, rung }))).toBe(isWanted);
});
