import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "./parse-policy.js";
import { runExamples } from "./run-examples.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 10, sentence: "{value}" }
`);

const policyOf = (...examples: readonly string[]) => `version: 1
rules:
  - id: big-at-night
    when: amount > 500 && hour < 6 && !lists.allow.card
    reason: BIG
    action: review
    text: It is big.
    examples:
${examples.map((example) => `      - ${example}\n`).join("")}
  - id: high
    when: score > 0.9
    needs_score: true
    reason: HIGH
    action: decline
    text: The score is high.
    examples: [{ fires: true, values: { score: 0.95 } }]
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

const report = (...examples: readonly string[]) =>
  runExamples(parsePolicy(policyOf(...examples), SPEC, "p.yaml"), SPEC);

test("counts examples that pass", () => {
  const found = report(
    "{ fires: true, values: { amount: 900, hour: 3 } }",
    "{ fires: false, values: { amount: 900 } }",
    "{ fires: false, values: { amount: 900, hour: 3 }, lists: [{ kind: card, effect: allow }] }",
    "{ fires: false }",
  );
  expect(found).toEqual({ faults: [], unproven: [], count: 5 });
});

test("reports a failing example with its position, and a rule that fires on no example", () => {
  expect(report("{ fires: false, values: { amount: 900, hour: 3 } }")).toEqual({
    faults: ["p.yaml:9:9 The rule big-at-night fires on this example."],
    unproven: ["big-at-night"],
    count: 2,
  });
  expect(report("{ fires: true, values: { amount: 900 } }").faults).toEqual([
    "p.yaml:9:9 The rule big-at-night does not fire on this example.",
  ]);
});

test.each([
  ["{ values: {} }", "p.yaml:9:9 rules.0.examples.0.fires must be true or false (it is missing)"],
  ["{ fires: true, values: { amuont: 1 } }", "rules.0.examples.0.values.amuont is not a value that this rule can read"],
  ["{ fires: true, values: { score: 1 } }", "rules.0.examples.0.values.score is not a value that this rule can read"],
  ["{ fires: true, lists: [{ kind: shoe, effect: deny }] }", "rules.0.examples.0.lists.0.kind must be one of card"],
])("rejects an impossible example: %s", (example, expected) => {
  expect(() => parsePolicy(policyOf(example), SPEC, "p.yaml")).toThrow(expected);
});
