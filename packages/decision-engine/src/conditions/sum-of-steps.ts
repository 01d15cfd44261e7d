import type { Rule } from "../policy.js";
import { written } from "./check-expression.js";
import { PAYMENT_STEPS_MAX } from "./step-meter.js";

/** Number of rules named if all rules together take too many steps. */
const COSTLIEST_RULES = 3;

/** Why all rules together may be too expensive, if each single rule is within its limit; undefined if they are not. */
export function sumFault(rules: readonly Rule[]): string | undefined {
  const costs = rules.flatMap(({ id, mode, when }) =>
    mode === "off" ? [] : [{ id, steps: when.estimate?.stepsMax ?? 0 }],
  );
  const sum = costs.reduce((total, { steps }) => total + steps, 0);
  if (sum <= PAYMENT_STEPS_MAX) return undefined;
  const most = costs.toSorted((left, right) => right.steps - left.steps).slice(0, COSTLIEST_RULES);
  const named = most.map(({ id, steps }) => `${id} (${written(steps)})`).join(", ");
  const limit = `more than the limit of ${written(PAYMENT_STEPS_MAX)} per payment`;
  return `rules can take ${written(sum)} steps in total, ${limit}; simplify the most expensive rules: ${named}.`;
}
