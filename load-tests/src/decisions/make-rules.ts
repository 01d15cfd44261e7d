import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import type { RuleProperties } from "json-rules-engine";
import { Engine } from "json-rules-engine";
import { percentile } from "../harness/spread.js";
import type { VectorPayment } from "./read-vectors.js";

interface Condition {
  readonly feature: string;
  readonly atLeast: number;
}

/** A rule that fires if all of its features reach their thresholds. */
interface PlainRule {
  readonly code: string;
  readonly conditions: readonly Condition[];
}

/** Conditions per rule. A third of the payments exceed each threshold, so that one rule in nine fires. */
const CONDITIONS = 2;
const ABOVE = 0.67;

/** The same rules for both engines. */
export function makeRules(payments: readonly VectorPayment[], count: number): PlainRule[] {
  const names = currentFeatureSpec().features.map(({ name }) => name);
  return Array.from({ length: count }, (_, rule) => ({
    code: `RULE_${rule}`,
    conditions: Array.from({ length: CONDITIONS }, (_, place) => {
      const column = (rule * CONDITIONS + place * 7) % names.length;
      const values = payments.map((payment) => payment.values[column] ?? 0);
      return { feature: names[column] ?? "", atLeast: Number(percentile(values, ABOVE).toPrecision(4)) };
    }),
  }));
}

export function asPolicy(rules: readonly PlainRule[]): Policy {
  const lines = rules.flatMap(({ code, conditions }, index) => [
    `  - id: rule-${index}`,
    `    when: ${asCel(conditions)}`,
    `    reason: ${code}`,
    "    action: approve",
    "    text: It fired.",
  ]);
  const rest = ["default_decision:", "  default:", "    action: review", "    reason: NOT_ASSESSED", "    text: No."];
  return parsePolicy(['version: "1"', "rules:", ...lines, ...rest].join("\n"), currentFeatureSpec());
}

/** The conditions of a rule as a CEL expression. */
export function asCel(conditions: PlainRule["conditions"]): string {
  return conditions.map(({ feature, atLeast }) => `${feature} >= ${celDouble(atLeast)}`).join(" && ");
}

const celDouble = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : String(value));

/** json-rules-engine as in its documentation: one engine is reused, and each run gets its facts. */
export function asEngine(rules: readonly PlainRule[]): Engine {
  const properties = rules.map(({ code, conditions }): RuleProperties => {
    const all = conditions.map(({ feature, atLeast }) => ({
      fact: feature,
      operator: "greaterThanInclusive",
      value: atLeast,
    }));
    return { conditions: { all }, event: { type: code } };
  });
  return new Engine(properties);
}
