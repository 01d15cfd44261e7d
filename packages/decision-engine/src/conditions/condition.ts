import type { ASTNode, ParseResult } from "@marcbachmann/cel-js";
import { rootOf } from "./checked-node.js";
import type { StepEstimate } from "./prepare-steps.js";
import { prepareSteps } from "./prepare-steps.js";
import type { StepBudget } from "./step-meter.js";
import {
  BUDGET_EXCEEDED,
  PATTERN_UNSUPPORTED,
  PAYMENT_BUDGET_EXCEEDED,
  RULE_STEPS_MAX,
  StepMeter,
  stepsExceeded,
} from "./step-meter.js";

/** An expression that was checked, compiled once when its policy is loaded. */
export class Condition {
  readonly ast: ASTNode;
  /** Undefined for one that is never evaluated: to check its types alone could take forever. */
  readonly estimate: StepEstimate | undefined;
  readonly #run: ParseResult;
  readonly #meter = new StepMeter();
  readonly #stepsFixed: number;
  readonly #isMetered: boolean;
  readonly #isSupported: boolean;

  /**
   * @param checked an expression whose `check` succeeded
   * @param texts variables that are texts
   */
  constructor(checked: ParseResult, texts: ReadonlySet<string>, isBounded: boolean) {
    this.#run = checked;
    this.ast = checked.ast;
    this.estimate = isBounded ? prepareSteps(rootOf(checked.ast), texts, this.#meter) : undefined;
    this.#stepsFixed = this.estimate?.stepsFixed ?? RULE_STEPS_MAX + 1;
    this.#isMetered = this.estimate?.isMetered ?? false;
    this.#isSupported = (this.estimate?.patternFaults ?? []).every(({ isLiteral }) => !isLiteral);
  }

  /**
   * The value of the expression; what it costs is taken from `budget`.
   *
   * @throws StepsExceeded where that is too much, also where the expression swallowed the error; or what the evaluation throws
   */
  evaluate(values: Readonly<Record<string, unknown>>, budget: StepBudget): unknown {
    if (!this.#isSupported) throw stepsExceeded(PATTERN_UNSUPPORTED);
    if (this.#stepsFixed > RULE_STEPS_MAX) throw stepsExceeded(BUDGET_EXCEEDED);
    if (this.#isMetered) return this.#evaluateMetered(values, budget);
    if (budget.left < this.#stepsFixed) throw overspent(budget);
    budget.left -= this.#stepsFixed;
    return this.#run(values);
  }

  #evaluateMetered(values: Readonly<Record<string, unknown>>, budget: StepBudget): unknown {
    const meter = this.#meter;
    const allowed = Math.min(RULE_STEPS_MAX, budget.left);
    if (allowed < this.#stepsFixed) throw overspent(budget);
    meter.begin(allowed - this.#stepsFixed);
    try {
      return this.#run(values);
    } finally {
      const isExceeded = meter.isExceeded;
      budget.left -= allowed - Math.max(0, meter.left);
      // biome-ignore lint/correctness/noUnsafeFinally: an exceeded budget counts, whatever the expression made of it.
      if (isExceeded) throw allowed < RULE_STEPS_MAX ? overspent(budget) : stepsExceeded(BUDGET_EXCEEDED);
    }
  }
}

/** What is left is taken from the rules after it, too: which ones are skipped depends on their order alone. */
function overspent(budget: StepBudget): Error {
  budget.left = 0;
  return stepsExceeded(PAYMENT_BUDGET_EXCEEDED);
}
