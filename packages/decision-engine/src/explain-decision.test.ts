import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision as DecisionMessage, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { wantsContributions, withContributions } from "./explain-decision.js";
import { parsePolicy } from "./parse-policy.js";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(
  `
version: 1
bands:
  - { at_least: 0.5, action: decline, reason: SCORE_HIGH, text: "The score is {score}." }
static_policy:
  default: { action: review, reason: STATIC, text: "By hand." }
`,
  SPEC,
);
const BAND = { code: "SCORE_HIGH", text: "The score is 0.7.", outcome: Outcome.DECLINE };

function decision(change: Partial<Decision> = {}): Decision {
  return {
    ...DecisionMessage.decode(new Uint8Array()),
    outcome: Outcome.DECLINE,
    rung: Rung.MODEL,
    reasons: [BAND],
    ...change,
  };
}

/** One number per feature, 0 where none is named. */
function vector(values: Readonly<Record<string, number>>): number[] {
  for (const name of Object.keys(values)) expect(SPEC.features.map((feature) => feature.name)).toContain(name);
  return SPEC.features.map((feature) => values[feature.name] ?? 0);
}

test("the features that raised the score most, as sentences with their values, after the other reasons", () => {
  const features = vector({ amount: 250, card_count_5m: 6, card_count_1h: 9, card_count_1d: 11, hour_of_day: 3 });
  const contributions = vector({
    amount: 0.2,
    card_count_5m: 1.5,
    card_count_1h: 0.1,
    card_count_1d: 0.7,
    hour_of_day: -3,
  });
  const explained = withContributions(POLICY, decision(), features, contributions);
  expect(explained.reasons).toEqual([
    BAND,
    {
      code: "SCORE_RAISED_BY_CARD_COUNT_5M",
      text: "The card made 6 payments within 5 minutes.",
      outcome: Outcome.APPROVE,
    },
    {
      code: "SCORE_RAISED_BY_CARD_COUNT_1D",
      text: "The card made 11 payments within a day.",
      outcome: Outcome.APPROVE,
    },
    { code: "SCORE_RAISED_BY_AMOUNT", text: "The amount is 250.", outcome: Outcome.APPROVE },
  ]);
  expect({ ...explained, reasons: [BAND] }).toEqual(decision());
});

test("a sentence that is only true of a yes is left out for a no", () => {
  const contributions = vector({ is_weekend: 2, is_night: 1 });
  const said = withContributions(POLICY, decision({ reasons: [] }), vector({ is_night: 1 }), contributions).reasons;
  expect(said.map((reason) => reason.text)).toEqual(["It took place at night (before 7:00 UTC)."]);
});

test("a feature that lowered the score, or did not change it, is not a reason", () => {
  const contributions = vector({ amount: -1 });
  expect(withContributions(POLICY, decision(), vector({ amount: 5 }), contributions)).toEqual(decision());
  expect(withContributions(POLICY, decision(), vector({}), vector({}).fill(Number.NaN))).toEqual(decision());
});

test("a contribution without its feature says nothing", () => {
  expect(withContributions(POLICY, decision(), [], [5]).reasons).toEqual([BAND]);
  expect(withContributions(POLICY, decision(), [1], [...vector({}), 5]).reasons).toEqual([BAND]);
});

test.each([
  [Outcome.APPROVE, Rung.MODEL, false],
  [Outcome.CHALLENGE, Rung.MODEL, true],
  [Outcome.REVIEW, Rung.MODEL, true],
  [Outcome.DECLINE, Rung.MODEL, true],
  [Outcome.DECLINE, Rung.RULES_ONLY, false],
  [Outcome.DECLINE, Rung.STATIC_POLICY, false],
])("outcome %d on rung %d: asked for is %s", (outcome, rung, isWanted) => {
  expect(wantsContributions(decision({ outcome, rung }))).toBe(isWanted);
});
