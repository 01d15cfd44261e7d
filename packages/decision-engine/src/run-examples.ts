import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import { StepBudget } from "./conditions/step-meter.js";
import { UNKNOWN_FIELDS } from "./generated/field-variables.js";
import { entryTexts, listFacts } from "./lists/list-facts.js";
import type { Policy, Rule, RuleExample } from "./policy.js";
import { ATTRIBUTES, BY_SCORECARD, HAS_SCORE, LISTS, PAYMENT_VARIABLES, SCORE } from "./policy-variables.js";

/** Defaults of an example: a payment at noon on a Wednesday. */
const USUAL = {
  ...UNKNOWN_FIELDS,
  amount_minor: 1_000n,
  currency: "EUR",
  terminal_id: "terminal",
  tenant: "tenant",
  hour: 12n,
  day_of_week: 3n,
};

export interface ExampleReport {
  /** Failed examples, one sentence each with its position. */
  readonly faults: readonly string[];
  /** Rules that fire on none of their examples, so they may never fire. */
  readonly unproven: readonly string[];
  readonly count: number;
}

/** Runs the examples of a policy's rules. */
export function runExamples(policy: Policy, spec: FeatureSpec): ExampleReport {
  const faults = policy.rules.flatMap((rule) =>
    rule.examples.flatMap((example) => {
      const fault = faultOf(policy, rule, example, spec);
      return fault === undefined ? [] : [`${example.at} The rule ${rule.id} ${fault}.`];
    }),
  );
  const unproven = policy.rules.filter(({ examples }) => !examples.some(({ fires }) => fires)).map(({ id }) => id);
  return { faults, unproven, count: policy.rules.reduce((sum, { examples }) => sum + examples.length, 0) };
}

function faultOf(policy: Policy, rule: Rule, example: RuleExample, spec: FeatureSpec): string | undefined {
  if (rule.needsScore && example.values[SCORE] === undefined) return "requires a score, but this example has none";
  let fired: unknown;
  try {
    fired = rule.when.evaluate(policy.evaluationOf(valuesOf(example, spec)), new StepBudget());
  } catch (error) {
    return `cannot be evaluated on this example: ${error instanceof Error ? error.message.split("\n")[0] : error}`;
  }
  if (fired === example.fires) return undefined;
  return example.fires ? "does not fire on this example" : "fires on this example";
}

function valuesOf({ values, lists, attributes }: RuleExample, spec: FeatureSpec): Record<string, unknown> {
  const hits = lists.map((hit): ListHit => ({ ...hit, reason: "", createdAtMs: 0 }));
  const given = Object.entries(values).map(([name, value]) => [name, asTyped(name, value)]);
  return {
    ...USUAL,
    ...Object.fromEntries(spec.features.map((feature) => [feature.name, feature.default])),
    [HAS_SCORE]: values[SCORE] !== undefined,
    [BY_SCORECARD]: false,
    [LISTS]: listFacts(hits),
    [ATTRIBUTES]: new Map(Object.entries(attributes)),
    ...entryTexts(hits),
    ...Object.fromEntries(given),
  };
}

/** CEL's int is a bigint here. */
function asTyped(name: string, value: number | string | boolean): unknown {
  const type: unknown = Reflect.get(PAYMENT_VARIABLES, name);
  return type === "int" && typeof value === "number" ? BigInt(Math.round(value)) : value;
}
