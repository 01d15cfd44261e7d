import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "./parse-policy.js";

const names = ["amount", "count", "mean", "ratio", "sum", "unread"];
const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
${names.map((name) => `  - { name: ${name}, kind: amount, default: 0, sentence: "{value}" }`).join("\n")}
`);

test("regression #26: a policy knows the features that its conditions and sentences read, even inside macros", () => {
  const policy = parsePolicy(
    `version: 1
rules:
  - { id: one, when: "[1.0, 2.0].exists(x, x * count > mean) || amount > 1.0", reason: ONE, action: review, text: "One." }
  - { id: two, when: "!has_score", mode: off, reason: TWO, action: review, text: "It is {sum}." }
bands:
  - { at_least: 0.5, action: review, reason: HIGH, text: "{score}, {ratio} times." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`,
    SPEC,
  );
  expect(policy.readFeatures).toEqual(names.slice(0, -1).map((name, index) => ({ name, index })));
});
