import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import fc from "fast-check";
import type { DecisionInput, Score } from "./decide-payment.js";
import { decide } from "./decide-payment.js";
import { parsePolicy } from "./parse-policy.js";
import { parseScorecard } from "./parse-scorecard.js";

const SPEC: FeatureSpec = {
  version: 3,
  profiles: {},
  windows: { "30d": { width: 2_592_000_000, tile: 86_400_000 } },
  entities: { card: { key: "card_token", optional: false }, terminal: { key: "terminal_id", optional: true } },
  features: [
    { name: "amount", kind: "amount", default: 0, sentence: "{value}" },
    { name: "ratio", kind: "ratio_to_mean", entity: "card", window: "30d", default: 1, sentence: "{value}" },
  ],
};

const POLICY = parsePolicy(
  `version: test
rules:
  - { id: broken, when: 100 / int(ratio) > 200, reason: BROKEN, action: approve, text: "Never." }
  - { id: far, when: ratio > 5, reason: FAR, action: challenge, text: "{ratio} times its mean." }
  - { id: huge, when: amount > 1000, reason: HUGE, action: decline, text: "The amount is {amount} {currency}." }
  - { id: night, when: score > 0.05 && hour < 6, needs_score: true, reason: NIGHT, action: review, text: "{score} in hour {hour}." }
  - { id: blind, when: "!has_score && amount > 500", reason: BLIND, action: review, text: "No model saw {amount}." }
  - { id: doubtful, when: by_scorecard && amount > 900, reason: DOUBTFUL, action: review, text: "Only the scorecard saw {amount}." }
  - { id: sunday, when: day_of_week == 7, reason: SUNDAY, action: approve, text: "A Sunday." }
bands:
  - { at_least: 0.6, action: decline, reason: HIGH, text: "Score {score}." }
  - { at_least: 0.2, action: review, reason: RAISED, text: "Score {score}." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing known of {amount_minor} {currency}." }
  tenants:
    open: { action: approve, reason: OPEN, text: "This tenant lives with it." }
    careful:
      { action: decline, reason: TOO_MUCH, text: "Too much.", by_amount: [
        { below: 12.51, currency: EUR, action: approve, reason: LITTLE, text: "Little." },
        { below: 50, currency: EUR, action: review, reason: SOME, text: "Some." },
        { below: 500, currency: JPY, action: approve, reason: LITTLE, text: "Little." } ] }
`,
  SPEC,
);

const CARD_FILE = {
  format: "tripline-scorecard",
  format_version: 1,
  feature_spec_version: 3,
  intercept: Math.log(0.1 / 0.9),
  features: [
    { name: "ratio", edges: [4, 8], weights: [-0.5, 0, 4] },
    { name: "amount", edges: [100], weights: [0, 1] },
  ],
};
const SCORECARD = parseScorecard(JSON.stringify(CARD_FILE), SPEC);

/** Wednesday, 12:00 UTC. */
const NOON_MS = Date.UTC(2024, 4, 15, 12);

type Change = Partial<{ amount: number; ratio: number; score: Score; tenant: string; atMs: number }>;

function input(change: Change): DecisionInput {
  return {
    transaction: {
      transactionId: "txn_1",
      tenant: change.tenant ?? "demo",
      clientTransactionId: "c1",
      cardToken: "ct_1",
      ...UNSENT,
      terminalId: "t1",
      amountMinor: 1250,
      currency: "EUR",
      occurredAtMs: change.atMs ?? NOON_MS,
      acceptedAtMs: NOON_MS + 1,
    },
    features: { specVersion: 3, values: [change.amount ?? 12.5, change.ratio ?? 1], incomplete: false },
    score: change.score ?? scored(0.01),
    listHits: [],
    decidedAtMs: NOON_MS + 5,
  };
}

const scored = (value: number): Score => ({ value, modelName: "fraud", modelVersion: "abc" });
const codes = (decision: Decision) => decision.reasons.map((reason) => reason.code);

describe("a decision with the model's score", () => {
  test("approves a payment with nothing unusual, and says so in the reason", () => {
    const decision = decide(POLICY, input({}));
    expect(decision).toMatchObject({
      transactionId: "txn_1",
      outcome: Outcome.APPROVE,
      score: 0.01,
      rung: Rung.MODEL,
      degradedBecause: "",
      modelName: "fraud",
      modelVersion: "abc",
      featureSpecVersion: 3,
      policyVersion: POLICY.version,
      decidedAtMs: NOON_MS + 5,
    });
    expect(decision.reasons).toEqual([
      {
        code: "NOTHING_UNUSUAL",
        text: "No rule flagged this payment, and the estimated fraud probability of 1 % is below every band.",
        outcome: Outcome.APPROVE,
      },
    ]);
  });

  test("the strictest outcome wins and comes first, with every reason", () => {
    const decision = decide(POLICY, input({ amount: 1500, ratio: 6, score: scored(0.3) }));
    expect(decision.outcome).toBe(Outcome.DECLINE);
    expect(codes(decision)).toEqual(["HUGE", "RAISED", "FAR"]);
    expect(decision.reasons[0]?.text).toBe("The amount is 1,500.00 EUR.");
  });

  test.each([
    [0.19, "NOTHING_UNUSUAL"],
    [0.2, "RAISED"],
    [0.59, "RAISED"],
    [0.6, "HIGH"],
    [1, "HIGH"],
  ])("a score of %d gives %s", (value, code) => {
    expect(codes(decide(POLICY, input({ score: scored(value) })))).toEqual([code]);
  });

  test("rules can use the score and the time of day and week", () => {
    const sundayNightMs = Date.UTC(2024, 4, 19, 3);
    const decision = decide(POLICY, input({ score: scored(0.1), atMs: sundayNightMs }));
    expect(codes(decision)).toEqual(["NIGHT", "SUNDAY"]);
    expect(decision.reasons[0]?.text).toBe("10 % in hour 03:00.");
  });

  test("decides at times before 1970 and beyond the calendar's range", () => {
    for (const atMs of [-1, 9e15]) expect(decide(POLICY, input({ atMs })).rung).toBe(Rung.MODEL);
  });
});

describe("a decision without a score", () => {
  const missing: Score = { missing: "scoring did not respond within 250 ms" };

  test("is made by rules alone, and contains no score", () => {
    const decision = decide(POLICY, input({ amount: 2000, score: missing, atMs: Date.UTC(2024, 4, 15, 3) }));
    expect(codes(decision)).toEqual(["HUGE", "BLIND"]);
    expect(decision).toMatchObject({
      rung: Rung.RULES_ONLY,
      degradedBecause: "scoring did not respond within 250 ms",
      modelName: "",
      modelVersion: "",
    });
    expect("score" in decision).toBe(false);
    expect("score" in Decision.decode(Decision.encode(decision).finish())).toBe(true);
    expect(Decision.decode(Decision.encode(decision).finish()).score).toBeUndefined();
  });

  test("approves if no rule fires, and says that there was no score", () => {
    const decision = decide(POLICY, input({ score: missing }));
    expect(decision.reasons[0]?.text).toBe("No rule flagged this payment, and there was no score.");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -0.01, 1.01])("%d is not a score", (value) => {
    const decision = decide(POLICY, input({ score: scored(value) }));
    expect(decision.rung).toBe(Rung.RULES_ONLY);
    expect(decision.degradedBecause).toBe(`the model fraud returned ${value}, which is not a probability`);
    expect(decision.score).toBeUndefined();
  });

  test("a score of 0 is a score", () => {
    const decision = decide(POLICY, input({ score: scored(0) }));
    expect(decision.rung).toBe(Rung.MODEL);
    expect(Decision.decode(Decision.encode(decision).finish()).score).toBe(0);
  });
});

describe("a decision with the scorecard's score", () => {
  const missing: Score = { missing: "scoring did not respond within 250 ms" };

  test("the bands apply to the score, and the decision mentions the scorecard and what raised the score", () => {
    const decision = decide(POLICY, input({ ratio: 9, amount: 200, score: missing }), SCORECARD);
    expect(decision).toMatchObject({
      outcome: Outcome.DECLINE,
      rung: Rung.SCORECARD,
      degradedBecause: "scoring did not respond within 250 ms",
      modelName: "scorecard",
      modelVersion: SCORECARD.version,
    });
    expect(decision.score).toBeCloseTo(1 / (1 + Math.exp(-(Math.log(0.1 / 0.9) + 4 + 1))), 12);
    expect(codes(decision)).toEqual([
      ...["HIGH", "FAR", "SCORED_BY_SCORECARD"],
      ...["SCORE_RAISED_BY_RATIO", "SCORE_RAISED_BY_AMOUNT"],
    ]);
    expect(decision.reasons.at(-2)?.text).toBe("9");
  });

  test("an approval mentions the scorecard, but not what raised the score", () => {
    const decision = decide(POLICY, input({ amount: 200, score: missing }), SCORECARD);
    expect(decision).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.SCORECARD });
    expect(codes(decision)).toEqual(["NOTHING_UNUSUAL", "SCORED_BY_SCORECARD"]);
    expect(decision.reasons[0]?.text).toContain("and the estimated fraud probability of 15.5 % is below every band");
  });

  test("rules can use the score, and know that it is the scorecard's", () => {
    const night = Date.UTC(2024, 4, 15, 3);
    const decision = decide(POLICY, input({ amount: 950, score: missing, atMs: night }), SCORECARD);
    expect(codes(decision)).toEqual(["NIGHT", "DOUBTFUL", "SCORED_BY_SCORECARD", "SCORE_RAISED_BY_AMOUNT"]);
    const byModel = decide(POLICY, input({ amount: 950, atMs: night }), SCORECARD);
    expect(codes(byModel)).toEqual(["NOTHING_UNUSUAL"]);
    expect(codes(decide(POLICY, input({ amount: 950, score: missing })))).toEqual(["BLIND"]);
  });

  test("a model's score, even of 0, takes precedence", () => {
    const decision = decide(POLICY, input({ ratio: 9, score: scored(0) }), SCORECARD);
    expect(decision).toMatchObject({ rung: Rung.MODEL, score: 0, modelName: "fraud", degradedBecause: "" });
    expect(codes(decision)).toEqual(["FAR"]);
  });

  test("the scorecard replaces a score that is not a probability", () => {
    const decision = decide(POLICY, input({ score: scored(Number.NaN) }), SCORECARD);
    expect(decision.rung).toBe(Rung.SCORECARD);
    expect(decision.degradedBecause).toBe("the model fraud returned NaN, which is not a probability");
  });

  test("the scorecard is not used if the features are unusable or belong to a different spec", () => {
    const features = { specVersion: 3, values: [1, Number.NaN], incomplete: false };
    expect(decide(POLICY, { ...input({ score: missing }), features }, SCORECARD).rung).toBe(Rung.STATIC_POLICY);
    const other = parseScorecard(JSON.stringify({ ...CARD_FILE, feature_spec_version: 4 }), { ...SPEC, version: 4 });
    expect(decide(POLICY, input({ score: missing }), other).rung).toBe(Rung.RULES_ONLY);
  });

  test("a failing rule still leads to the default decision, in addition to the rules that fired", () => {
    const decision = decide(POLICY, input({ ratio: 0, amount: 2000, score: missing }), SCORECARD);
    expect(decision).toMatchObject({ rung: Rung.STATIC_POLICY, modelVersion: SCORECARD.version });
    expect(codes(decision)).toEqual(["HUGE", "DOUBTFUL", "NO_FACTS"]);
  });
});

describe("the default decision", () => {
  const cases: [string, DecisionInput["features"], string][] = [
    ["no features", undefined, "the payment has no features"],
    [
      "another feature spec",
      { specVersion: 4, values: [1, 1], incomplete: false },
      "the features have spec version 4, but the policy requires version 3",
    ],
    [
      "a vector that is too short",
      { specVersion: 3, values: [1], incomplete: false },
      "there are 1 feature values instead of 2",
    ],
    [
      "a value that is not a number",
      { specVersion: 3, values: [1, Number.NaN], incomplete: false },
      "the feature ratio is NaN",
    ],
    [
      "lost windows",
      { specVersion: 3, values: [1, 1], incomplete: true },
      "the window state was lost and is not rebuilt yet",
    ],
  ];
  test.each(cases)("handles %s", (_name, features, because) => {
    const decision = decide(POLICY, { ...input({}), features });
    expect(decision).toMatchObject({ outcome: Outcome.REVIEW, rung: Rung.STATIC_POLICY, degradedBecause: because });
    expect(decision.reasons[0]).toMatchObject({ code: "NO_FACTS", text: "Nothing known of 12.50 EUR." });
    expect(decision.score).toBeUndefined();
  });

  test("can be set per tenant", () => {
    const decision = decide(POLICY, { ...input({ tenant: "open" }), features: undefined });
    expect(decision).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.STATIC_POLICY });
  });

  test.each([
    [1_250, "EUR", "LITTLE"],
    [1_251, "EUR", "SOME"],
    [4_999, "EUR", "SOME"],
    [5_000, "EUR", "TOO_MUCH"],
    [499, "JPY", "LITTLE"],
    [500, "JPY", "TOO_MUCH"],
    // An amount limit applies only to its own currency.
    [1, "USD", "TOO_MUCH"],
  ])("can fail open for a tenant below an amount: %i minor units of %s", (amountMinor, currency, code) => {
    const { transaction, ...rest } = input({ tenant: "careful" });
    const decision = decide(POLICY, {
      ...rest,
      transaction: { ...transaction, amountMinor, currency },
      features: undefined,
    });
    expect(codes(decision)).toEqual([code]);
    expect(decision.rung).toBe(Rung.STATIC_POLICY);
  });

  test("never fails open because of a failing rule: other rules that fired still count", () => {
    const decision = decide(POLICY, input({ tenant: "open", ratio: 0, amount: 2000 }));
    expect(decision).toMatchObject({
      outcome: Outcome.DECLINE,
      rung: Rung.STATIC_POLICY,
      degradedBecause: "the rule broken could not be evaluated: division by zero",
    });
    expect(codes(decision)).toEqual(["HUGE", "OPEN"]);
  });
});

describe("properties", () => {
  const anyScore: fc.Arbitrary<Score> = fc.oneof(
    fc.double().map(scored),
    fc.string().map((missing) => ({ missing })),
  );
  const optionalNames = Object.keys(UNSENT);
  const optionalTexts = { minLength: optionalNames.length, maxLength: optionalNames.length };
  const anyOptional = fc
    .array(fc.string(), optionalTexts)
    .map((texts) => ({ ...UNSENT, ...Object.fromEntries(optionalNames.map((name, index) => [name, texts[index]])) }));
  const anyInput: fc.Arbitrary<DecisionInput> = fc.record({
    transaction: fc
      .tuple(
        anyOptional,
        fc.record({
          transactionId: fc.string(),
          tenant: fc.constantFrom("demo", "open", "careful"),
          clientTransactionId: fc.string(),
          cardToken: fc.string(),
          terminalId: fc.string(),
          amountMinor: fc.maxSafeInteger(),
          currency: fc.constantFrom("EUR", "JPY"),
          occurredAtMs: fc.maxSafeInteger(),
          acceptedAtMs: fc.maxSafeNat(),
        }),
      )
      .map(([optional, core]) => ({ ...optional, ...core })),
    features: fc.option(
      fc.record({
        specVersion: fc.integer({ min: 2, max: 4 }),
        values: fc.array(fc.double(), { maxLength: 3 }),
        incomplete: fc.boolean(),
      }),
      { nil: undefined },
    ),
    score: anyScore,
    listHits: fc.constant([]),
    decidedAtMs: fc.maxSafeNat(),
  });
  const likelyInput = fc.oneof(
    anyInput,
    fc
      .tuple(anyInput, fc.double({ min: 0, max: 2000, noNaN: true }), fc.double({ min: 0, max: 20, noNaN: true }))
      .map(([given, amount, ratio]) => ({
        ...given,
        features: { specVersion: 3, values: [amount, ratio], incomplete: false },
      })),
  );

  test("the same input gives the same bytes, regardless of the previous payment", () => {
    fc.assert(
      fc.property(likelyInput, likelyInput, (given, other) => {
        const copy = structuredClone(given);
        const first = Decision.encode(decide(POLICY, given)).finish();
        decide(POLICY, other);
        expect(Decision.encode(decide(POLICY, copy)).finish()).toEqual(first);
        expect(given).toEqual(copy);
      }),
      { numRuns: 500 },
    );
  });

  test("with a scorecard, every payment with usable features has a score", () => {
    fc.assert(
      fc.property(likelyInput, (given) => {
        const decision = decide(POLICY, given, SCORECARD);
        expect(decision.rung).not.toBe(Rung.RULES_ONLY);
        if (decision.rung === Rung.SCORECARD) {
          expect(decision.score).toBeGreaterThan(0);
          expect(decision.score).toBeLessThan(1);
          expect(codes(decision)).toContain("SCORED_BY_SCORECARD");
        }
        if (decision.rung === Rung.MODEL) expect(decision).toEqual(decide(POLICY, given));
      }),
      { numRuns: 500 },
    );
  });

  test("has a reason; the first one is the strictest and gives the outcome; any score is a probability", () => {
    fc.assert(
      fc.property(likelyInput, (given) => {
        const decision = decide(POLICY, given);
        const outcomes = decision.reasons.map((reason) => reason.outcome);
        expect(outcomes.length).toBeGreaterThan(0);
        expect(outcomes).toEqual(outcomes.toSorted((left, right) => right - left));
        expect(decision.outcome).toBe(Math.max(...outcomes));
        expect(decision.rung === Rung.MODEL).toBe(decision.degradedBecause === "" && decision.rung !== Rung.RULES_ONLY);
        if (decision.rung === Rung.MODEL) expect(decision.score).toBeDefined();
        if (decision.score !== undefined) expect(decision.score >= 0 && decision.score <= 1).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
