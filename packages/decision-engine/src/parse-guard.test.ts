import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "./parse-policy.js";
import { guardInEffect } from "./rollouts/guard-in-effect.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);

const parse = (guard: string) =>
  parsePolicy(
    `version: 1
rules:
  - { id: big, when: amount > 500, reason: BIG, action: review, text: It is big. }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
${guard}
`,
    SPEC,
  );

test("a guard can omit its limits, and a policy its guard", () => {
  expect(parse("").guard).toBeUndefined();
  expect(parse("guard: {}").guard).toEqual({ watchSeconds: 3_600, cardsMin: 30, outcomePointsMax: 0.1 });
  expect(parse("guard: { cards_min: 8, outcome_points_max: 0.02 }").guard).toMatchObject({
    cardsMin: 8,
    outcomePointsMax: 0.02,
  });
});

test.each([
  ["guard:", "policy.yaml:6:1 guard must be a mapping"],
  ["guard: { watch_seconds: 1 }", "policy.yaml:6:10 guard.watch_seconds must be 10 or more"],
  ["guard: { outcome_points_max: 10 }", "guard.outcome_points_max must be from 0 to 1"],
  ["guard: { cards: 3 }", "guard.cards is not a known field"],
])("rejects %s", (guard, fault) => {
  expect(() => parse(guard)).toThrow(fault);
});

test("regression #24: every activation is guarded, by the defaults or by limits that are no looser", () => {
  expect(guardInEffect(undefined)).toEqual({ watchSeconds: 3_600, cardsMin: 30, outcomePointsMax: 0.1 });
  const loose = { watchSeconds: 10, cardsMin: 1_000_000, outcomePointsMax: 1 };
  expect(guardInEffect(loose)).toEqual({ watchSeconds: 600, cardsMin: 500, outcomePointsMax: 0.3 });
  const strict = { watchSeconds: 7_200, cardsMin: 8, outcomePointsMax: 0.02 };
  expect(guardInEffect(strict)).toEqual(strict);
});
