import { Environment } from "@marcbachmann/cel-js";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import fc from "fast-check";
import { listFacts } from "../lists/list-facts.js";
import { celEnvironment } from "../policy-variables.js";
import { ExpressionChecker } from "./check-expression.js";
import { asNode, comprehensionOf, rootOf } from "./checked-node.js";
import { ERROR_STEPS, PAYMENT_STEPS_MAX, RULE_STEPS_MAX, StepBudget, StepsExceeded } from "./step-meter.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 1d: { width: 1d, tile: 1h } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 10, sentence: "{value}" }
`);
const CHECKER = new ExpressionChecker(SPEC);
const PLAIN = celEnvironment(SPEC, { withScore: false });

const VALUES = {
  lists: listFacts([]),
  amount: 3,
  amount_minor: 300n,
  hour: 5n,
  day_of_week: 2n,
  currency: "EUR",
  terminal_id: "t-12:ab",
  tenant: "acme",
};

type Texts = fc.Arbitrary<string>;

/**
 * Expressions by type. Loops and `cel.bind` bind names. A name may also appear unbound: the expression is then invalid.
 */
const { bool: EXPRESSION } = fc.letrec<{
  bool: string;
  int: string;
  text: string;
  ints: string;
  texts: string;
  lists: string;
}>((tie) => {
  const of = (template: string, ...parts: Texts[]): Texts =>
    fc
      .tuple(...parts)
      .map((all) => all.reduce((text, part, index) => text.replaceAll(`$${index}`, () => part), template));
  const [bool, int, text, ints, texts, lists] = [
    tie("bool"),
    tie("int"),
    tie("text"),
    tie("ints"),
    tie("texts"),
    tie("lists"),
  ];
  const count = fc.integer({ min: 0, max: 60 });
  const some = (item: Texts): Texts =>
    fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => `[${items.join(",")}]`);
  const looped = (list: Texts) =>
    fc.oneof(...["all", "exists", "exists_one"].map((name) => of(`$0.${name}(x, $1)`, list, bool)));
  return {
    bool: fc.oneof(
      { maxDepth: 5, depthIdentifier: "cel" },
      fc.constantFrom("true", "amount > 2.0", 'currency == "EUR"', "lists.deny.any"),
      of("($0 && $1)", bool, bool),
      of("($0 || $1)", bool, bool),
      of("!($0)", bool),
      of("$0 < $1", int, int),
      of("$0 == $1", text, text),
      of("$0 == $1", ints, ints),
      of("$0 == $1", lists, lists),
      of("$0 in $1", int, ints),
      of("$0 in $1", ints, lists),
      of("$0.contains($1)", text, text),
      of("$0.startsWith($1)", text, text),
      looped(ints),
      looped(texts),
      looped(lists),
      fc.constantFrom('terminal_id.matches("^(t+-?)+[0-9]+$")', 'currency.matches("EUR|usd")'),
      of("cel.bind(y, $0, $1)", ints, bool),
      of("cel.bind(z, $0, $1)", text, bool),
    ),
    int: fc.oneof(
      { maxDepth: 5, depthIdentifier: "cel" },
      count.map(String),
      fc.constantFrom("hour", "amount_minor", "x"),
      of("($0 + $1)", int, int),
      of("($0 / $1)", int, int),
      of("($0 * $1)", int, int),
      of("$0.size()", text),
      of("$0.size()", ints),
      of("$0[$1]", ints, int),
      of("($0 ? $1 : $2)", bool, int, int),
      of("int($0)", text),
    ),
    text: fc.oneof(
      { maxDepth: 5, depthIdentifier: "cel" },
      fc.constantFrom('"a"', '"12"', "terminal_id", "currency", "x", "z"),
      count.map((length) => `"${"ab".repeat(length)}"`),
      of("($0 + $1)", text, text),
      of("$0.upperAscii()", text),
      of("$0.substring($1)", text, int),
      of("string($0)", int),
      of("$0.join($1)", texts, text),
      of("$0[$1]", texts, int),
    ),
    ints: fc.oneof(
      { maxDepth: 5, depthIdentifier: "cel" },
      count.map((length) => `[${Array.from({ length }, (_, index) => index).join(",")}]`),
      fc.constant("y"),
      some(int),
      of("($0 + $1)", ints, ints),
      of("$0.map(x, $1)", ints, int),
      of("$0.filter(x, $1)", ints, bool),
      of("$0.map(x, $1, $2)", ints, bool, int),
    ),
    texts: fc.oneof(
      { maxDepth: 5, depthIdentifier: "cel" },
      some(text),
      of("$0.split($1)", text, text),
      of("$0.map(x, $1)", ints, text),
      of("($0 + $1)", texts, texts),
    ),
    lists: fc.oneof({ maxDepth: 5, depthIdentifier: "cel" }, some(ints), of("$0.map(x, $1)", ints, ints)),
  };
});

function outcomeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error instanceof StepsExceeded ? error.code : "failed";
  }
}

test("regression #24: the evaluation of any rule ends within the step limit and the rule's estimate", () => {
  const seen = { evaluated: 0, exceeded: 0, loops: 0 };
  fc.assert(
    fc.property(EXPRESSION, (text) => {
      fc.pre(text.length <= 2_000);
      const { condition, costFaults } = CHECKER.check(text, false);
      const { estimate } = condition ?? {};
      if (condition === undefined || estimate === undefined) return;
      const budget = new StepBudget();
      const started = process.cpuUsage();
      const outcome = outcomeOf(() => condition.evaluate(CHECKER.evaluationOf(VALUES), budget));
      const { user, system } = process.cpuUsage(started);
      const used = PAYMENT_STEPS_MAX - budget.left;
      expect(used).toBeLessThanOrEqual(RULE_STEPS_MAX);
      // The evaluation takes about 0.4 ms on an idle machine. It would take minutes if a step were not counted.
      expect((user + system) / 1_000).toBeLessThan(10_000);
      const again = new StepBudget();
      expect(outcomeOf(() => condition.evaluate(CHECKER.evaluationOf(VALUES), again))).toBe(outcome);
      expect(again.left).toBe(budget.left);
      // The estimate excludes only evaluation errors.
      const hadErrors = used >= ERROR_STEPS && used > estimate.stepsMax;
      if (!hadErrors) expect(used).toBeLessThanOrEqual(estimate.stepsMax);
      expect(outcome === "budget-exceeded" && costFaults.length === 0).toBe(false);
      seen.evaluated += 1;
      seen.loops += Number(estimate.loops.length > 0);
      seen.exceeded += Number(outcome === "budget-exceeded");
      // A cheap expression has the same result with and without a budget.
      if (estimate.stepsMax < 5_000 && used < RULE_STEPS_MAX) {
        expect(outcome).toBe(outcomeOf(() => PLAIN.evaluate(text, VALUES)));
      }
    }),
    { numRuns: 500, seed: 24 },
  );
  expect(seen.evaluated).toBeGreaterThan(300);
  expect(seen.loops).toBeGreaterThan(30);
  expect(seen.exceeded).toBeGreaterThan(0);
});

describe("cel-js's representation of a checked expression", () => {
  const rootFor = (text: string) => {
    const parsed = new Environment()
      .registerVariable("amount", "double")
      .registerVariable("names", "list<string>")
      .parse(text);
    expect(parsed.check().valid).toBe(true);
    return rootOf(parsed.ast);
  };

  test.each(["all", "exists", "exists_one", "map", "filter"])("represents %s as a comprehension", (name) => {
    const body = name === "map" ? "n + n" : 'n == "a"';
    const comprehension = comprehensionOf(rootFor(`names.${name}(n, ${body})`));
    expect(comprehension).toMatchObject({ iterVarName: "n", iterable: { op: "id", args: "names" } });
    expect(typeof comprehension?.condition).toBe(["all", "exists"].includes(name) ? "function" : "undefined");
  });

  test.each([
    ["amount == amount", "=="],
    ["amount + amount", "+"],
    ['names[0].matches("a")', "rcall"],
    ["size(names)", "call"],
    ["names[0]", "[]"],
  ])("gives %s a handle and a type", (text, op) => {
    expect(rootFor(text)).toMatchObject({
      op,
      handle: expect.any(Function),
      checkedType: { name: expect.any(String) },
    });
  });

  test("an unknown representation is detected", () => {
    expect(() => asNode({ op: "id", args: "amount" })).toThrow("differently than in 8.0.0");
  });
});
