import { readFileSync } from "node:fs";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import { StepBudget } from "./conditions/step-meter.js";
import { findIdleRules, idleRuleWarnings } from "./find-idle-rules.js";
import { parsePolicy } from "./parse-policy.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 1d: { width: 1d, tile: 1h } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 10, sentence: "{value}" }
  - { name: count, kind: count, entity: card, window: 1d, default: 0, sentence: "{value}" }
`);

interface RuleText {
  readonly when: string;
  readonly action?: string;
  readonly more?: string;
}

const policyOf = (rules: readonly RuleText[]) =>
  parsePolicy(
    `version: 1
rules:
${rules
  .map(
    ({ when, action = "review", more = "" }, index) => `  - id: r${index}
    when: ${JSON.stringify(when)}
    reason: BIG_AMOUNT
    action: ${action}
    text: It is so.
    examples: []
${more === "" ? "" : `    ${more}\n`}`,
  )
  .join("")}default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`,
    SPEC,
  );

const idle = (...rules: readonly RuleText[]) => findIdleRules(policyOf(rules), SPEC);

test.each([
  "amount > 100 && amount < 50",
  "amount > 100 && amount <= 100",
  "count < 0",
  "hour > 23 || day_of_week < 1",
  'currency == "EUR" && currency in ["USD", "GBP"]',
  'currency in ["EUR"] && currency != "EUR"',
  "lists.deny.card && !lists.deny.any",
  "!(amount < 5 || amount >= 5)",
  "has_score && !(has_score || amount > 5)",
  "amount * 2.0 > 10 && amount * 2.0 < 5",
])("%s can never hold", (when) => {
  expect(idle({ when }).neverFire).toEqual(["r0"]);
});

test.each([
  "amount > 50 && amount < 100",
  "amount >= 100 && amount <= 100",
  "count < 1 || amount > 3 && amount < 2",
  "lists.deny.card && !lists.deny.bin",
  'currency != "EUR" && currency != "USD"',
  // NaN: neither comparison is true, so both negations are.
  "!(amount / amount < 5.0) && !(amount / amount >= 5.0)",
])("%s can hold", (when) => {
  expect(idle({ when }).neverFire).toEqual([]);
});

test.each<[string, RuleText, RuleText]>([
  ["a narrower range", { when: "amount > 100 && hour < 5" }, { when: "amount >= 50" }],
  ["a milder action", { when: "amount > 100", action: "challenge" }, { when: "amount > 100", action: "decline" }],
  [
    "each of two cases",
    { when: 'currency == "EUR" || currency == "USD"' },
    { when: 'currency in ["USD", "EUR", "GBP"]' },
  ],
  ["one of two cases", { when: "amount > 100" }, { when: "hour > 20 || amount > 50" }],
  ["one list of many", { when: "lists.watch.terminal && amount > 5" }, { when: "lists.watch.any" }],
  ["a list by name", { when: 'lists.named("mules").card' }, { when: 'lists.named("mules").any' }],
])("a rule of %s is covered", (_, narrow, wide) => {
  expect(idle(narrow, wide).covered).toEqual([{ id: "r0", by: "r1" }]);
  expect(idle(wide, narrow).covered).toEqual([{ id: "r1", by: "r0" }]);
});

test.each<[string, RuleText, RuleText]>([
  ["is stricter", { when: "amount > 100", action: "decline" }, { when: "amount > 50" }],
  ["is wider at one end", { when: "amount >= 100" }, { when: "amount > 100" }],
  ["is covered by a shadow rule", { when: "amount > 100" }, { when: "amount > 50", more: "mode: shadow" }],
  ["is covered for some cards only", { when: "amount > 100" }, { when: "amount > 50", more: "percent: 50" }],
  ["overrides the score", { when: "amount > 100", more: "overrides_score: true" }, { when: "amount > 50" }],
  ["does not need a score", { when: "has_score" }, { when: "score > 0.0 || has_score", more: "needs_score: true" }],
  ["applies without features", { when: "lists.deny.card" }, { when: "lists.deny.card || amount > 0" }],
])("a rule that %s is not covered", (_, one, other) => {
  expect(idle(one, other).covered.filter(({ id }) => id === "r0")).toEqual([]);
});

test("reports the second of two equal rules", () => {
  expect(idle({ when: "amount > 5" }, { when: "5 < amount" }).covered).toEqual([{ id: "r1", by: "r0" }]);
});

test("skips a condition with too many cases", () => {
  const when = Array.from({ length: 7 }, (_, at) => `(amount > ${at} || hour > ${at})`).join(" && ");
  expect(idle({ when }, { when: "amount > 0 || hour > 0" })).toMatchObject({ neverFire: [], covered: [] });
});

test("regression #24: compares many rules with many cases up to a limit, and reports that it was reached", () => {
  const wide = (index: number) =>
    Array.from({ length: 60 }, (_, at) => `amount == ${index * 1_000 + at}.5`).join(" || ");
  const policy = policyOf([
    { when: "count > 5 && count < 3" },
    ...Array.from({ length: 120 }, (_, index) => ({ when: wide(index) })),
  ]);
  expect(idleRuleWarnings(policy, SPEC)).toEqual([
    "The rule r0 can never fire: its conditions exclude each other.",
    "There are too many rules to compare all of them with each other.",
  ]);
});

test("the shipped rules all have an effect", () => {
  const file = new URL("../../../apps/decisions/policy.yaml", import.meta.url);
  const spec = currentFeatureSpec();
  expect(idleRuleWarnings(parsePolicy(readFileSync(file, "utf8"), spec), spec)).toEqual([]);
});

test("a rule reported as idle never fires, and a covered one fires only with the other", () => {
  const leaf = fc.oneof(
    fc
      .tuple(fc.constantFrom("<", "<=", ">", ">=", "==", "!="), fc.integer({ min: 0, max: 4 }))
      .map(([op, at]) => `amount ${op} ${at}.0`),
    fc.tuple(fc.constantFrom("==", "!="), fc.constantFrom("A", "B")).map(([op, text]) => `currency ${op} "${text}"`),
    fc.constantFrom("has_score", 'currency in ["A", "C"]', "amount * 2.0 < 3.0"),
  );
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3 },
      leaf,
      tie("condition").map((inner) => `!(${inner})`),
      fc
        .tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition"))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
    ),
  }));
  const worlds = [-1, 0, 0.5, 1, 1.5, 2, 3, 3.5, 4, 5].flatMap((amount) =>
    ["A", "B", "C"].flatMap((currency) => [true, false].map((has_score) => ({ amount, currency, has_score }))),
  );
  fc.assert(
    fc.property(condition, condition, (one, other) => {
      const policy = policyOf([{ when: one }, { when: other }]);
      const { neverFire, covered } = findIdleRules(policy, SPEC);
      const fires = policy.rules.map((rule) =>
        worlds.map(
          (world) => rule.when.evaluate(policy.evaluationOf({ count: 0, ...world }), new StepBudget()) === true,
        ),
      );
      for (const [index, { id }] of policy.rules.entries()) {
        if (neverFire.includes(id)) expect(fires[index]).not.toContain(true);
        if (covered.some((pair) => pair.id === id)) {
          expect(fires[index]?.every((fired, at) => !fired || fires[1 - index]?.[at])).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});
