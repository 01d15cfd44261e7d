/**
 * Step limit of a rule. A step takes about 20 ns. Each operation is one step; operations that read or create large
 * values take more steps. Steps are counted instead of time, so that all instances and all decision replays agree,
 * regardless of the load.
 */
export const RULE_STEPS_MAX = 20_000;
/**
 * Step limit for all rules that decide on a payment together, and a separate limit of the same size for its shadow
 * rules.
 */
export const PAYMENT_STEPS_MAX = 100_000;
/** Cost of an evaluation error, which `all`, `exists`, `||` and `&&` may swallow. Creating one takes about 10 µs. */
export const ERROR_STEPS = 500;

/** Codes of `SkippedRule.why`. */
export const BUDGET_EXCEEDED = "budget-exceeded";
export const PAYMENT_BUDGET_EXCEEDED = "payment-budget-exceeded";
export const PATTERN_UNSUPPORTED = "pattern-unsupported";
export const EVALUATION_FAILED = "evaluation-failed";

export type StepsExceededCode = typeof BUDGET_EXCEEDED | typeof PAYMENT_BUDGET_EXCEEDED | typeof PATTERN_UNSUPPORTED;

/**
 * A rule has no result because it would be too expensive. There is one object per code, because it is thrown often and
 * its stack trace is useless.
 */
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

/** The remaining steps of a payment. */
export class StepBudget {
  left = PAYMENT_STEPS_MAX;
}

/**
 * Counts the steps of one evaluation. Throwing an error is not enough to end an evaluation, because `all`, `exists`,
 * `||` and `&&` swallow errors; callers must check `isExceeded` afterwards.
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

  /** Whether errors were swallowed. They depend on the payment, so a payer may have provoked them. */
  get hadErrors(): boolean {
    return this.#hadErrors;
  }

  /** Returns false when too few steps are left. */
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
