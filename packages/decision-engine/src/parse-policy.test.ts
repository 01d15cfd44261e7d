import { TriplineError } from "@tripline/contracts/error-table";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { parsePolicy } from "./parse-policy.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
  - { name: card_ratio, entity: card, kind: ratio_to_mean, window: 30d, default: 1, sentence: "{value}" }
`);

const GOOD = `version: "2"
rules:
  - id: big-amount
    when: amount > 500 && currency == "EUR" && amount_minor > 50000
    reason: BIG_AMOUNT
    action: review
    text: The amount is {amount} {currency}.
  - id: score-and-night
    when: |
      score > 0.3
      && hour < 6
    needs_score: true
    reason: NIGHT
    action: challenge
    text: The score is {score}.
bands:
  - { at_least: 0.6, action: decline, reason: HIGH, text: "Score {score}." }
  - { at_least: 0.1, action: challenge, reason: RAISED, text: "Score {score}." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known about {amount_minor} {currency}." }
  tenants:
    acme: { action: decline, reason: NO_FACTS, text: "Nothing is known." }
    open:
      action: decline
      reason: NO_FACTS
      text: Nothing is known, and it is too much to live with.
      by_amount:
        - { below: 50.00, currency: EUR, action: approve, reason: SMALL, text: "{amount_minor} {currency} is small." }
        - { below: 199.99, currency: EUR, action: challenge, reason: MEDIUM, text: "A medium amount." }
        - { below: 6000, currency: JPY, action: approve, reason: SMALL, text: "A small amount." }
`;

test("accepts the earlier name of default_decision, and uses it in messages", () => {
  const old = GOOD.replace("default_decision:", "static_policy:");
  expect(parsePolicy(old, SPEC).staticByTenant).toEqual(parsePolicy(GOOD, SPEC).staticByTenant);
  expect(faultsOf(old.replace("below: 6000", "below: many"))).toEqual([
    expect.stringContaining("p.yaml:30 static_policy.tenants.open.by_amount.2.below must be a"),
  ]);
  expect(faultsOf(`${old}default_decision: { default: { action: review, reason: R, text: "T." } }\n`)).toEqual([
    "p.yaml:19 static_policy is not a known field.",
  ]);
});

/** Without the columns, which have a separate test. */
function faultsOf(text: string): string[] {
  return placedFaultsOf(text).map((fault) => fault.replaceAll(/(p\.yaml:\d+):\d+/g, "$1"));
}

function placedFaultsOf(text: string): string[] {
  try {
    parsePolicy(text, SPEC, "p.yaml");
  } catch (error) {
    if (error instanceof TriplineError && error.code === "policy-invalid") return error.message.split("\n");
    throw error;
  }
  return [];
}

test("compiles a valid policy", () => {
  const policy = parsePolicy(GOOD, SPEC);
  expect(policy.version).toMatch(/^2\+[0-9a-f]{8}$/);
  expect(policy.specVersion).toBe(7);
  expect(policy.rules.map((rule) => [rule.id, rule.needsScore, rule.outcome])).toEqual([
    ["big-amount", false, Outcome.REVIEW],
    ["score-and-night", true, Outcome.CHALLENGE],
  ]);
  expect(policy.bands.map((band) => band.atLeast)).toEqual([0.6, 0.1]);
  expect(policy.staticByTenant.get("acme")).toMatchObject({ outcome: Outcome.DECLINE, byAmount: [] });
  expect(policy.staticByTenant.get("open")).toMatchObject({
    outcome: Outcome.DECLINE,
    byAmount: [
      { currency: "EUR", belowMinor: 5_000, outcome: Outcome.APPROVE, code: "SMALL" },
      { currency: "EUR", belowMinor: 19_999, outcome: Outcome.CHALLENGE, code: "MEDIUM" },
      { currency: "JPY", belowMinor: 6_000, outcome: Outcome.APPROVE, code: "SMALL" },
    ],
  });
});

test("the version changes with any byte of the file", () => {
  expect(parsePolicy(`${GOOD}# note\n`, SPEC).version).not.toBe(parsePolicy(GOOD, SPEC).version);
});

const FAULTS: [name: string, from: string, to: string, expected: string][] = [
  ["unknown field", "    reason: BIG_AMOUNT", "    reazon: BIG_AMOUNT", "p.yaml:5 rules.0.reazon is not a known field"],
  ["missing field", "    reason: BIG_AMOUNT\n", "", "p.yaml:3 rules.0.reason must be a reason code (it is missing)"],
  [
    "unknown variable",
    "when: amount > 500",
    "when: amuont > 500",
    "p.yaml:4 rules.0.when is not a valid expression: Unknown",
  ],
  [
    "wrong type",
    'currency == "EUR"',
    "currency > 5",
    "p.yaml:4 rules.0.when is not a valid expression: no such overload",
  ],
  [
    "not a boolean",
    'amount > 500 && currency == "EUR" && amount_minor > 50000',
    "amount",
    "p.yaml:4 rules.0.when must be true or false",
  ],
  [
    "invalid expression syntax",
    "amount > 500",
    "amount > >",
    "p.yaml:4 rules.0.when is not a valid expression: Unexpected",
  ],
  [
    "error inside a block",
    "&& hour < 6",
    "&& huor < 6",
    "p.yaml:11 rules.1.when is not a valid expression: Unknown variable: huor",
  ],
  [
    "score without needs_score",
    "    needs_score: true\n",
    "",
    "rules.1.when is not a valid expression: Unknown variable: score; to read the score",
  ],
  ["needs_score without score", "score > 0.3", "amount > 0.3", "p.yaml:9 rules.1.when does not read the score"],
  [
    "unknown placeholder",
    "{amount} {currency}.",
    "{amuont}.",
    "p.yaml:7 rules.0.text contains the unknown placeholder {amuont}",
  ],
  [
    "token of a person in a text",
    "{amount} {currency}.",
    "{billing_postal_token}.",
    "p.yaml:7 rules.0.text contains the unknown placeholder {billing_postal_token}",
  ],
  [
    "score in a rule's text",
    "is {amount}",
    "is {score}",
    "p.yaml:7 rules.0.text contains the unknown placeholder {score}",
  ],
  [
    "feature in a static text",
    "Nothing is known.",
    "{amount}",
    "p.yaml:22 default_decision.tenants.acme.text contains the unknown placeholder {amount}",
  ],
  [
    "unknown kind of list",
    "amount > 500",
    "lists.deny.merchant",
    "p.yaml:4 rules.0.when is not a valid expression: No such key: merchant; lists contains deny, watch, allow, and each",
  ],
  [
    "list values in a static text",
    "Nothing is known.",
    "{deny_entries}",
    "contains the unknown placeholder {deny_entries}",
  ],
  ["stray brace", "{amount} {currency}.", "{amount.", "p.yaml:7 rules.0.text has a brace"],
  [
    "duplicate id",
    "id: score-and-night",
    "id: big-amount",
    'p.yaml:8 rules.1.id "big-amount" is already defined at p.yaml:3',
  ],
  [
    "bands not in descending order",
    "at_least: 0.1",
    "at_least: 0.6",
    "p.yaml:18 bands.1.at_least must be below the 0.6",
  ],
  ["score over 1", "at_least: 0.6", "at_least: 60", "p.yaml:17 bands.0.at_least must be from 0 to 1"],
  ["score below 0", "at_least: 0.1", "at_least: -0.1", "p.yaml:18 bands.1.at_least must be from 0 to 1"],
  ["score that is not a number", "at_least: 0.1", "at_least: .nan", "p.yaml:18 bands.1.at_least must be a number"],
  [
    "milder band above a stricter one",
    "action: decline, reason: HIGH",
    "action: approve, reason: HIGH",
    "p.yaml:18 bands.1.action must not be stricter",
  ],
  ["unknown action", "action: review\n", "action: refuse\n", "p.yaml:6 rules.0.action must be one of approve"],
  ["no static default", "  default: {", "  other: {", "p.yaml:20 default_decision.other is not a known field"],
  [
    "amount with too many decimals",
    "below: 50.00",
    "below: 50.005",
    "p.yaml:28 default_decision.tenants.open.by_amount.0.below must have at",
  ],
  [
    "invalid amount",
    "below: 6000",
    "below: many",
    "p.yaml:30 default_decision.tenants.open.by_amount.2.below must be an",
  ],
  [
    "amount of zero",
    "below: 50.00",
    "below: 0",
    "p.yaml:28 default_decision.tenants.open.by_amount.0.below must be above 0",
  ],
  ["decimals for yen", "below: 6000", "below: 6000.5", "must have at most 0 decimals in JPY"],
  [
    "unknown currency",
    "currency: JPY",
    "currency: XYZ",
    "p.yaml:30 default_decision.tenants.open.by_amount.2.currency must be a",
  ],
  [
    "amount without currency",
    "currency: JPY, ",
    "",
    "p.yaml:30 default_decision.tenants.open.by_amount.2.currency must be a currency (it is",
  ],
  [
    "amounts not in ascending order",
    "below: 199.99",
    "below: 50.00",
    "p.yaml:29 default_decision.tenants.open.by_amount.1.below must be greater than that",
  ],
  [
    "milder action for a larger amount",
    "currency: EUR, action: approve",
    "currency: EUR, action: review",
    "p.yaml:29 default_decision.tenants.open.by_amount.1.action must not be milder",
  ],
  [
    "milder action for the largest amount",
    "      action: decline\n",
    "      action: approve\n",
    "p.yaml:29 default_decision.tenants.open.by_amount.1.action must not be stricter",
  ],
  [
    "feature in a row",
    "is small",
    "of {amount} is small",
    "by_amount.0.text contains the unknown placeholder {amount}",
  ],
  [
    "amounts in a list",
    "      by_amount:\n",
    "      by_amounts:\n",
    "p.yaml:27 default_decision.tenants.open.by_amounts is not a known field",
  ],
  ["invalid code", "BIG_AMOUNT", "Big amount", "p.yaml:5 rules.0.reason must be upper case"],
  [
    "duplicate key",
    "    action: review\n",
    "    action: review\n    action: review\n",
    "p.yaml:7 The key action occurs twice",
  ],
  ["broken YAML", 'version: "2"', 'version: "2', "p.yaml:"],
];

const nestedAliases = (): string => {
  const levels = "bcdefghij".split("").map((name, level) => {
    return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdefghi"[level]}`).join(", ")}]`;
  });
  return `a: &a [x, x]\n${levels.join("\n")}\n`;
};
const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");

/** A parser with quadratic running time takes minutes; this one takes at most a second. */
const CPU_MS_MAX = 30_000;
const TOO_LARGE: [name: string, text: string, expected: string][] = [
  [
    "10,000 unknown keys",
    `${GOOD}guard:\n${lines(10_000, (index) => `  k${index}: 1`)}`,
    "p.yaml:32:3 guard.k0 is not",
  ],
  [
    "more keys than a mapping may have",
    lines(10_001, (index) => `k${index}: 1`),
    "p.yaml:1:1 The mapping has more than",
  ],
  ["a key repeated many times", lines(9_999, () => "k: 1"), "p.yaml:2:1 The key k occurs twice."],
  ["deep lists", `a: ${"[".repeat(100_000)}`, "p.yaml:1:36 The file is nested more than 32 levels deep."],
  ["deep blocks", "- ".repeat(100_000), "p.yaml:1:67 The file is nested more than 32 levels deep."],
  ["many values", `a:\n${"- 1\n".repeat(100_000)}`, "The file has more than 100000 values."],
  ["many commas", `a: [${",".repeat(100_000)}`, "p.yaml:1:5 More than 16 indicators precede one value."],
  ["many brackets", "]\n".repeat(100_000), "p.yaml:1:1 Unexpected flow-seq-end token"],
  ["nested aliases", nestedAliases(), "p.yaml:6:7 With its aliases expanded, the file has more than 100000 values."],
  ["many aliases", `a: &a 1\nb: [${"*a,".repeat(5_000)}]`, "p.yaml:2:14702 The file has more than 100 aliases."],
  ["an alias within its anchor", "a: &a [*a]", "p.yaml:1:8 The alias *a has no complete anchor before it."],
];

test.each(TOO_LARGE)(
  "regression #24: rejects %s with its line, in time linear in the file's size",
  (_name, text, expected) => {
    const before = process.cpuUsage();
    const faults = placedFaultsOf(text);
    const { user } = process.cpuUsage(before);
    expect(faults.join("\n")).toContain(expected);
    expect(faults.length).toBeLessThanOrEqual(100);
    expect(user / 1_000).toBeLessThan(CPU_MS_MAX);
  },
);

test.each(FAULTS)("rejects %s, with its line", (_name, from, to, expected) => {
  expect(GOOD).toContain(from);
  const faults = faultsOf(GOOD.replace(from, to));
  expect(faults.join("\n")).toContain(expected);
});

test.each([
  ["of a field", "reason: BIG_AMOUNT", "reazon: BIG_AMOUNT", "p.yaml:5:5 rules.0.reazon"],
  ["in an expression on one line", "amount_minor > 5", "amuont_minor > 5", "p.yaml:4:48 rules.0.when"],
  ["in a block of lines", "&& hour < 6", "&& huor < 6", "p.yaml:11:10 rules.1.when"],
])("reports the column of a fault %s", (_name, from, to, expected) => {
  expect(GOOD).toContain(from);
  expect(placedFaultsOf(GOOD.replace(from, to)).join("\n")).toContain(expected);
});

test("reports all faults together", () => {
  const text = GOOD.replace("amount > 500", "amuont > 500")
    .replace("BIG_AMOUNT", "x")
    .replace("at_least: 0.1", "at_least: 2");
  expect(faultsOf(text.replace("&& hour", "&& huor"))).toHaveLength(3);
  // Regression #32: a fault in the top-level structure does not hide faults in the rules.
  expect(faultsOf(`${text}colour: blue\n`).join("\n")).toMatch(/colour[\s\S]*rules\.0\.reason/);
});

test.each(["", "[]", "42", "version: 1"])("rejects a file that contains %j", (text) => {
  expect(faultsOf(text).length).toBeGreaterThan(0);
});

test("rejects a policy that could only approve", () => {
  const text = 'version: 1\ndefault_decision: { default: { action: review, reason: NO_FACTS, text: "None." } }\n';
  expect(faultsOf(text)).toEqual(["p.yaml:1 A policy without rules and bands would approve every payment."]);
});

test("rejects a feature with the name of another variable", () => {
  const spec = { ...SPEC, features: SPEC.features.map((feature) => ({ ...feature, name: "score" })) };
  expect(() => parsePolicy(GOOD, spec)).toThrow('A feature must not be named "score"');
});
