import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Decision, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "../decide-payment.js";
import { parsePolicy, parseStoredPolicy } from "../parse-policy.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);

interface RuleText {
  readonly when: string;
  readonly mode?: string;
}

/** The last rule fires on every payment, which shows whether the others delayed the decision. */
function policyText(rules: readonly RuleText[]): string {
  const all = [...rules, { when: "amount > 100" }];
  const lines = all.map(({ when, mode = "live" }, index) =>
    [
      `  - id: rule-${index}`,
      `    when: ${JSON.stringify(when)}`,
      `    mode: ${mode}`,
      `    reason: R_${index}`,
      `    action: ${index === rules.length ? "challenge" : "decline"}`,
      "    text: It fired.",
    ].join("\n"),
  );
  return `version: 1\nrules:\n${lines.join("\n")}\ndefault_decision:\n  default: { action: review, reason: NO_FACTS, text: None. }\n`;
}

const transaction: Transaction = {
  transactionId: "t",
  tenant: "acme",
  clientTransactionId: "c",
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "aaaaaaaaaaaaaaaaaaaaaaaaaa!",
  amountMinor: 90_000,
  currency: "EUR",
  occurredAtMs: 0,
  acceptedAtMs: 0,
};

function decideStored(...rules: readonly RuleText[]): Decision {
  return decide(parseStoredPolicy(policyText(rules), SPEC, "revision-1.yaml", 1), {
    transaction,
    features: { specVersion: 7, values: [900], incomplete: false },
    score: { missing: "no score was requested" },
    listHits: [],
    decidedAtMs: 0,
  });
}

const ones = (count: number): string => `[${Array.from({ length: count }, () => "1").join(",")}]`;
const ONES = ones(50);
/** 556 characters that take 50^5 comparisons. Such a rule used to block every tenant. */
const NESTED = ["a", "b", "c", "d", "e"].reduceRight((inner, name) => `${ONES}.all(${name}, ${inner})`, "e > 0");
const DOUBLED = Array.from({ length: 18 }, (_, index) => index).reduceRight(
  (inner, index) => `cel.bind(x${index + 1}, x${index} + x${index}, ${inner})`,
  "true",
);

/** Small in memory, but 10^6 comparisons. */
const SHARED = ["p0", "q0", "p1", "q1", "p2", "q2", "p3", "q3", "p4", "q4"].reduceRight((inner, name, index) => {
  const of = index < 2 ? "1" : `${name[0]}${Number(name[1]) - 1}`;
  return `cel.bind(${name}, ${index < 2 ? ones(10) : `p0.map(i, ${of})`}, ${inner})`;
}, "p4 == q4");

/** Without the limit, such a rule takes minutes. With it, it takes a few milliseconds. */
const BLOCKED_MS = 20_000;
const BOMBS: readonly (readonly [name: string, when: string])[] = [
  ["five nested lists", NESTED],
  ["exists, which swallows the error", NESTED.replaceAll(".all(", ".exists(").replace("e > 0", "e > 1")],
  ["map", NESTED.replace(`${ONES}.all(a,`, `${ONES}.map(a,`).concat(".size() > 1")],
  ["`bomb || true`", `${NESTED} || true`],
  ["`!(bomb && false)`", `!(${NESTED} && false)`],
  ["lists that are doubled repeatedly", `cel.bind(x0, ${ONES}, ${DOUBLED})`],
  ["texts that are doubled repeatedly", `cel.bind(x0, "0123456789", ${DOUBLED})`],
  ["texts that are doubled in a loop", `cel.bind(x0, "0123456789", ${ONES}.all(y, ${DOUBLED}))`],
  ["comparisons of shared lists", SHARED],
  ["concatenated text", `cel.bind(x, ${ONES}.map(i, "0123456789").join(","), ${ONES}.map(i, x).join(x).size() > 1)`],
  ["a duration with backtracking", `duration("${"1".repeat(1_000)}").getHours() > 1`],
];

describe("regression #24: a rule that would block all payments", () => {
  test("has 556 characters", () => {
    expect(NESTED.length).toBeLessThanOrEqual(570);
  });

  test.each(BOMBS)("is rejected with its line during the check: %s", (_name, when) => {
    expect(() => parsePolicy(policyText([{ when }]), SPEC)).toThrow(
      /^policy\.yaml:4:\d+ rules\.0\.when can take [\d,a-z ]+ steps, more than the limit of 20,000 per rule/,
    );
  });

  test.each(BOMBS)("fails alone on a payment if it is already stored: %s", (_name, when) => {
    const startedMs = performance.now();
    const decision = decideStored({ when });
    expect(performance.now() - startedMs).toBeLessThan(BLOCKED_MS);
    expect(decision).toMatchObject({
      outcome: Outcome.CHALLENGE,
      rung: Rung.RULES_ONLY,
      skippedRules: [{ ruleId: "rule-0", why: "budget-exceeded", inShadow: false }],
    });
    expect(decideStored({ when })).toEqual(decision);
  });

  test("is reported with its position and a suggested fix", () => {
    expect(() => parsePolicy(policyText([{ when: `amount > 1 && ${NESTED}` }]), SPEC)).toThrow(
      /^policy\.yaml:4:26 .* steps, more than the limit of 20,000 per rule: it iterates over 50 × 50 × 50 × 50 × 50 items; compare with `in`, or shorten the lists\.$/,
    );
  });

  test("is not type-checked if it contains a map whose type doubles with each step", () => {
    const when = `[1]${".map(y,{y:y})".repeat(40)} == []`;
    // Type-checking the expression would run out of memory.
    expect(() => parsePolicy(policyText([{ when }]), SPEC)).toThrow("whose keys are not literals");
    expect(decideStored({ when })).toMatchObject({ skippedRules: [{ why: "budget-exceeded" }] });
  });
});

describe("the total cost of all rules of a payment", () => {
  const costly = { when: `${ones(40)}.exists(a, ${ones(30)}.exists(b, a + b > 5))` };

  test("is limited during the check", () => {
    expect(() => parsePolicy(policyText([costly]), SPEC)).not.toThrow();
    const many = Array.from({ length: 30 }, () => costly);
    expect(() => parsePolicy(policyText(many), SPEC)).toThrow(
      /^policy\.yaml:2:1 rules can take [\d,]+ steps in total, more than the limit of 100,000 per payment; simplify the most expensive rules: rule-0 \(/,
    );
    const off = many.map((rule) => ({ ...rule, mode: "off" }));
    expect(() => parsePolicy(policyText(off), SPEC)).not.toThrow();
  });

  test("is enforced on a payment by skipping the remaining rules", () => {
    const { skippedRules, outcome } = decideStored(...Array.from({ length: 30 }, () => costly));
    expect(skippedRules.length).toBeGreaterThan(5);
    expect(new Set(skippedRules.map(({ why }) => why))).toEqual(new Set(["payment-budget-exceeded"]));
    expect(skippedRules[0]?.ruleId).toBe(`rule-${31 - skippedRules.length}`);
    expect(outcome).toBe(Outcome.APPROVE);
  });

  test("is counted separately for live and shadow rules", () => {
    const shadow = Array.from({ length: 30 }, () => ({ ...costly, mode: "shadow" }));
    const { skippedRules, outcome } = decideStored(...shadow);
    expect(skippedRules.every(({ inShadow }) => inShadow)).toBe(true);
    expect(outcome).toBe(Outcome.CHALLENGE);
  });
});

describe("matches", () => {
  test.each([
    ['terminal_id.matches("^(a+)+$")', false],
    ['terminal_id.matches("^a+!$")', true],
    [String.raw`terminal_id.matches("\\w{5}") && currency.matches("(?i)^eur$")`, true],
    ['"é".matches("^.$")', true],
    ['["x", "a"].exists(s, s.matches("^[a-c]$"))', true],
  ])("regression #24: %s runs in linear time", (when, expected) => {
    const policy = parsePolicy(policyText([{ when }]), SPEC);
    expect(policy.costFaults).toEqual([]);
    const { outcome, skippedRules } = decideStored({ when });
    expect({ fires: outcome === Outcome.DECLINE, skippedRules }).toEqual({ fires: expected, skippedRules: [] });
  });

  test.each([
    ['terminal_id.matches("(?=a)b")', "has a pattern that cannot be matched in linear time", "pattern-unsupported"],
    [
      String.raw`terminal_id.matches("(a)\\1")`,
      "has a pattern that cannot be matched in linear time",
      "pattern-unsupported",
    ],
    [
      'terminal_id.matches("(a{900}b{900}){2}")',
      "has a pattern that repeats its parts too often",
      "pattern-unsupported",
    ],
    [
      `${ones(100)}.all(x, ${ones(50)}.all(y, terminal_id.matches("a")))`,
      "more than the limit of 20,000 per rule",
      "budget-exceeded",
    ],
  ])("%s is rejected, and skipped if it is already stored", (when, fault, why) => {
    expect(() => parsePolicy(policyText([{ when }]), SPEC)).toThrow(fault);
    expect(decideStored({ when })).toMatchObject({ outcome: Outcome.CHALLENGE, skippedRules: [{ why }] });
  });

  test("compiles the patterns of a whole policy up to a limit", () => {
    const rules = Array.from({ length: 40 }, (_, index) => ({
      when: Array.from({ length: 40 }, (_, at) => `currency.matches("a{${500 + at}}")`).join(" || "),
      mode: index < 20 ? "live" : "shadow",
    }));
    expect(() => parsePolicy(policyText(rules), SPEC)).toThrow("too large together with the other patterns");
  });

  test("rejects a pattern that is not a literal, but keeps it in a stored policy", () => {
    const when = 'terminal_id.matches("^a+" + "!$")';
    expect(() => parsePolicy(policyText([{ when }]), SPEC)).toThrow("has a pattern that is not a literal");
    expect(decideStored({ when })).toMatchObject({ outcome: Outcome.DECLINE, skippedRules: [] });
    const bomb = 'terminal_id.matches("a{900}" + "b{900}{900}")';
    expect(decideStored({ when: bomb })).toMatchObject({ skippedRules: [{ why: "evaluation-failed" }] });
  });
});

test.each([
  `${ones(200)}.exists(x, ${ones(40)}.exists(y, 1 / 0 == 1)) || true`,
  `${ones(60)}.exists(x, int(terminal_id) == x) || amount > 1`,
])("regression #24: swallowed errors end an evaluation, and never make an outcome milder: %#", (when) => {
  expect(decideStored({ when })).toMatchObject({
    outcome: Outcome.REVIEW,
    rung: Rung.STATIC_POLICY,
    degradedBecause: "the rule rule-0 could not be evaluated: too many of its parts failed",
    skippedRules: [{ ruleId: "rule-0", why: "evaluation-failed", inShadow: false }],
  });
});

test("a rule that fails without exceeding a limit leads to the default decision, which names the rule", () => {
  const decision = decideStored({ when: "1 / (amount_minor - amount_minor) == 1" });
  expect(decision).toMatchObject({
    outcome: Outcome.REVIEW,
    rung: Rung.STATIC_POLICY,
    skippedRules: [{ ruleId: "rule-0", why: "evaluation-failed", inShadow: false }],
  });
});
