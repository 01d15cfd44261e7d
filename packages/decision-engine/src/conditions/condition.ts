import type { ASTNode, ParseResult } from "@marcbachmann/cel-js";
import { mentionsAttributes } from "../attributes/absent-attributes.js";
import type { CheckedNode, Evaluation } from "./checked-node.js";
import { rootOf } from "./checked-node.js";
import type { Known, StepEstimate } from "./prepare-steps.js";
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

/** A checked expression, compiled once when its policy is loaded. */
export class Condition {
  readonly ast: ASTNode;
  /** Undefined for an expression that is never evaluated. */
  readonly estimate: StepEstimate | undefined;
  readonly readsAttributes: boolean;
  readonly #root: CheckedNode;
  readonly #meter = new StepMeter();
  readonly #stepsFixed: number;
  readonly #isSupported: boolean;
  /** Whether the number of steps is known before evaluation and within the limit. */
  readonly #isPlain: boolean;

  /**
   * @param checked an expression whose `check` succeeded
   * @param isBounded false if its types were not checked because that could take extremely long
   */
  constructor(checked: ParseResult, isBounded: boolean, known: Known) {
    this.ast = checked.ast;
    this.readsAttributes = mentionsAttributes(checked.ast);
    this.#root = rootOf(checked.ast);
    this.estimate = isBounded ? prepareSteps(this.#root, known, this.#meter) : undefined;
    this.#stepsFixed = this.estimate?.stepsFixed ?? RULE_STEPS_MAX + 1;
    this.#isSupported = (this.estimate?.patternFaults ?? []).every(({ isLiteral }) => !isLiteral);
    this.#isPlain = this.#isSupported && this.#stepsFixed <= RULE_STEPS_MAX && this.estimate?.isMetered === false;
  }

  /**
   * The value of the expression, in an evaluation of the environment that checked it. Its steps are deducted from
   * `budget`.
   *
   * @throws StepsExceeded if it takes too many steps, even if the expression swallowed that error; any error of the
   *   evaluation, or an Error if the errors that the expression swallowed took too many steps
   */
  evaluate(evaluation: Evaluation, budget: StepBudget): unknown {
    if (!this.#isPlain || budget.left < this.#stepsFixed) return this.#evaluateMetered(evaluation, budget);
    budget.left -= this.#stepsFixed;
    return this.#root.evaluate(evaluation.evaluator, this.#root, evaluation.context);
  }

  #evaluateMetered(evaluation: Evaluation, budget: StepBudget): unknown {
    if (!this.#isSupported) throw stepsExceeded(PATTERN_UNSUPPORTED);
    if (this.#stepsFixed > RULE_STEPS_MAX) throw stepsExceeded(BUDGET_EXCEEDED);
    const meter = this.#meter;
    const allowed = Math.min(RULE_STEPS_MAX, budget.left);
    if (allowed < this.#stepsFixed) throw overspent(budget);
    meter.begin(allowed - this.#stepsFixed);
    try {
      return this.#root.evaluate(evaluation.evaluator, this.#root, evaluation.context);
    } finally {
      const isExceeded = meter.isExceeded;
      budget.left -= allowed - Math.max(0, meter.left);
      // biome-ignore lint/correctness/noUnsafeFinally: an exceeded budget counts, even if the expression succeeded.
      if (isExceeded) throw this.#exceeded(allowed, budget);
    }
  }

  /** Skipping a rule may make an outcome milder, so payers must not be able to cause this by provoking errors. */
  #exceeded(allowed: number, budget: StepBudget): Error {
    const exceeded = allowed < RULE_STEPS_MAX ? overspent(budget) : stepsExceeded(BUDGET_EXCEEDED);
    return this.#meter.hadErrors ? new Error("too many of its parts failed") : exceeded;
  }
}

/** Later rules lose the remaining steps too, so that only the order of the rules decides which of them are skipped. */
function overspent(budget: StepBudget): Error {
  budget.left = 0;
  return stepsExceeded(PAYMENT_BUDGET_EXCEEDED);
}
