import { Environment } from "@marcbachmann/cel-js";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import type { Unit } from "./format-value.js";
import { FIELD_VARIABLES, fieldValues } from "./generated/field-variables.js";
import { ListedValueFacts } from "./generated/listed-values.js";
import { ENTRY_PLACEHOLDERS, ListFacts } from "./lists/list-facts.js";
import type { TemplateValue } from "./render-text.js";

/** Variables that come from the payment itself. Hour and day of week are in UTC. */
export const PAYMENT_VARIABLES = {
  ...FIELD_VARIABLES,
  /** 0 to 23. */
  hour: "int",
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  day_of_week: "int",
} as const;

/** Payment variables of type string. */
export const TEXT_VARIABLES: ReadonlySet<string> = new Set(
  Object.entries(PAYMENT_VARIABLES).flatMap(([name, type]) => (type === "string" ? [name] : [])),
);

/** Whether there is a score, either the model's or the scorecard's, so that a rule can be stricter without a score. */
export const HAS_SCORE = "has_score";

/**
 * Whether the score comes from the scorecard because the model did not provide one, so that a rule can be stricter in
 * that case.
 */
export const BY_SCORECARD = "by_scorecard";

/** The fraud probability; only for rules that declare that they need it. */
export const SCORE = "score";

/** The lists that the payment is on: `lists.deny.card`, `lists.watch.any`, `lists.named("vip").terminal`. */
export const LISTS = "lists";

/** The payment's undeclared values by name: `attributes["loyalty_tier"]`. */
export const ATTRIBUTES = "attributes";

/** A budget's daily limit, for its sentences. */
export const PER_DAY = "per_day";

/** The formats of the numeric variables. */
export const VARIABLE_UNITS: ReadonlyMap<string, Unit> = new Map([
  ["amount_minor", "minor_amount"],
  ["hour", "clock"],
  ["day_of_week", "weekday"],
  [SCORE, "share"],
  [PER_DAY, "count"],
]);

/** Reserved names, which no feature may use because they have another meaning in a policy. */
export const RESERVED_NAMES: readonly string[] = [
  ...Object.keys(PAYMENT_VARIABLES),
  ...[HAS_SCORE, BY_SCORECARD, SCORE, LISTS, ATTRIBUTES, PER_DAY],
  ...ENTRY_PLACEHOLDERS,
];

/** Limits for an expression's text. `RULE_STEPS_MAX` limits the cost of its evaluation. */
const LIMITS = { maxAstNodes: 500, maxDepth: 50, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 };

/** A CEL environment with the features of `spec` as doubles, and the payment's own fields. */
export function celEnvironment(spec: FeatureSpec, options: { withScore: boolean }): Environment {
  const environment = new Environment({ limits: LIMITS });
  for (const [name, type] of Object.entries(PAYMENT_VARIABLES)) environment.registerVariable(name, type);
  environment.registerVariable(HAS_SCORE, "bool");
  environment.registerVariable(BY_SCORECARD, "bool");
  environment.registerVariable(ATTRIBUTES, "map<string, dyn>");
  registerLists(environment);
  // The code of a category is meaningless in a rule; the rule can compare the payment field instead.
  for (const { kind, name } of spec.features) if (kind !== "category") environment.registerVariable(name, "double");
  if (options.withScore) environment.registerVariable(SCORE, "double");
  return environment;
}

function registerLists(environment: Environment): void {
  const fieldsOf = (names: readonly string[], type: string) => Object.fromEntries(names.map((name) => [name, type]));
  environment.registerType("Listed", { ctor: ListedValueFacts, fields: fieldsOf([...LIST_KINDS, "any"], "bool") });
  environment.registerType("Lists", { ctor: ListFacts, fields: fieldsOf(LIST_EFFECTS, "Listed") });
  environment.registerFunction("Lists.named(string): Listed", (facts: ListFacts, list: string) => facts.named(list));
  environment.registerVariable(LISTS, "Lists");
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The epoch began on a Thursday. */
const EPOCH_DAY_OF_WEEK = 4;

/** Values of `PAYMENT_VARIABLES` for one payment. CEL's int is a bigint here. */
export function paymentValues(transaction: Transaction): Record<string, TemplateValue> {
  return {
    ...fieldValues(transaction),
    hour: BigInt(modulo(Math.floor(transaction.occurredAtMs / HOUR_MS), 24)),
    day_of_week: BigInt(modulo(Math.floor(transaction.occurredAtMs / DAY_MS) + EPOCH_DAY_OF_WEEK - 1, 7) + 1),
  };
}

/** Never negative, unlike `%`, so that times before 1970 also have a valid hour. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
