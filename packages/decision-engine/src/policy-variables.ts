import { Environment } from "@marcbachmann/cel-js";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import type { Unit } from "./format-value.js";
import { FIELD_VARIABLES, fieldValues } from "./generated/field-variables.js";
import { ENTRY_PLACEHOLDERS, ListedValueFacts, ListFacts } from "./lists/list-facts.js";
import type { TemplateValue } from "./render-text.js";

/** Variables that come from the payment itself. Times of day and week are UTC. */
export const PAYMENT_VARIABLES = {
  ...FIELD_VARIABLES,
  /** 0 to 23. */
  hour: "int",
  /** ISO 8601: 1 is Monday, 7 is Sunday. */
  day_of_week: "int",
} as const;

/** Those of them that are texts. */
export const TEXT_VARIABLES: ReadonlySet<string> = new Set(
  Object.entries(PAYMENT_VARIABLES).flatMap(([name, type]) => (type === "string" ? [name] : [])),
);

/** Whether there is a score, the model's or the scorecard's, so that a rule can be stricter where there is none. */
export const HAS_SCORE = "has_score";

/** Whether the score is the scorecard's, because the model gave none, so that a rule can be stricter then. */
export const BY_SCORECARD = "by_scorecard";

/** The probability of fraud; only for rules that say that they need it. */
export const SCORE = "score";

/** The lists that the payment is on: `lists.deny.card`, `lists.watch.any`, `lists.named("vip").terminal`. */
export const LISTS = "lists";

/** The number of a day, in the sentences of a budget. */
export const PER_DAY = "per_day";

/** How the variables that are numbers are written. */
export const VARIABLE_UNITS: ReadonlyMap<string, Unit> = new Map([
  ["amount_minor", "minor_amount"],
  ["hour", "clock"],
  ["day_of_week", "weekday"],
  [SCORE, "share"],
  [PER_DAY, "count"],
]);

/** Names that no feature may have, because they mean something else in a policy. */
export const RESERVED_NAMES: readonly string[] = [
  ...Object.keys(PAYMENT_VARIABLES),
  ...[HAS_SCORE, BY_SCORECARD, SCORE, LISTS, PER_DAY],
  ...ENTRY_PLACEHOLDERS,
];

/** Of the text of an expression. What its evaluation may cost is bounded by `RULE_STEPS_MAX`. */
const LIMITS = { maxAstNodes: 500, maxDepth: 50, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 };

/** A CEL environment that knows the features of `spec` as doubles and the payment's own fields. */
export function celEnvironment(spec: FeatureSpec, options: { withScore: boolean }): Environment {
  const environment = new Environment({ limits: LIMITS });
  for (const [name, type] of Object.entries(PAYMENT_VARIABLES)) environment.registerVariable(name, type);
  environment.registerVariable(HAS_SCORE, "bool");
  environment.registerVariable(BY_SCORECARD, "bool");
  registerLists(environment);
  for (const { name } of spec.features) environment.registerVariable(name, "double");
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

/** Never negative, unlike `%`, so that a time before 1970 has an hour too. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
