/**
 * What rules may cost, in steps of about 20 ns: one for an operation, more for one that reads or makes something long. Steps are
 * counted, so that every instance and every replay agrees, however busy it is.
 */
export const RULE_STEPS_MAX = 20_000;
/** Of the rules that decide about a payment together, and again of its shadow rules. */
export const PAYMENT_STEPS_MAX = 100_000;
/** An evaluation error, which `all`, `exists`, `||` and `&&` may swallow. Making one takes some 10 µs. */
export const ERROR_STEPS = 500;

/** Codes of `SkippedRule.why`. */
export const BUDGET_EXCEEDED = "budget-exceeded";
export const PAYMENT_BUDGET_EXCEEDED = "payment-budget-exceeded";
export const PATTERN_UNSUPPORTED = "pattern-unsupported";
export const EVALUATION_FAILED = "evaluation-failed";

export type StepsExceededCode = typeof BUDGET_EXCEEDED | typeof PAYMENT_BUDGET_EXCEEDED | typeof PATTERN_UNSUPPORTED;

/** A rule has no result, because it would cost too much. One object per code: it is thrown often and its stack says nothing. */
export class StepsExceeded extends Error {
  constructor(readonly code: StepsExceededCode) {
    super(`The rule has no result: ${code}.`);
  }
}

const EXCEEDED: Readonly<Record<StepsExceededCode, StepsExceeded>> = {
  [BUDGET_EXCEEDED]: new StepsExceeded(BUDGET_EXCEEDED),
  [PAYMENT_BUDGET_EXCEEDED]: new StepsExceeded(PAYMENT_BUDGET_EXCEEDED),
  [PATTERN_UNSUPPORTED]: new StepsExceeded(PATTERN_UNSUPPORTED),
};

export function stepsExceeded(code: StepsExceededCode): StepsExceeded {
  return EXCEEDED[code];
}

/** What is left of the steps of a payment. */
export class StepBudget {
  left = PAYMENT_STEPS_MAX;
}

/**
 * Counts the steps of one evaluation. Throwing is not enough to end one, since `all`, `exists`, `||` and `&&` swallow errors:
 * whoever evaluates looks at `isExceeded` afterwards.
 */
export class StepMeter {
  #left = 0;
  #hadErrors = false;

  begin(steps: number): void {
    this.#left = steps;
    this.#hadErrors = false;
  }

  get left(): number {
    return this.#left;
  }

  get isExceeded(): boolean {
    return this.#left < 0;
  }

  /** Errors were swallowed: they depend on the payment, so that a payer may have caused them. */
  get hadErrors(): boolean {
    return this.#hadErrors;
  }

  /** False once there are not enough. */
  take(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }

  /** An evaluation error. */
  takeError(): boolean {
    this.#hadErrors = true;
    return this.take(ERROR_STEPS);
  }

  /** @throws StepsExceeded */
  charge(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw EXCEEDED[BUDGET_EXCEEDED];
  }
}
