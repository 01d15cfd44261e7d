import type { BudgetTake } from "@tripline/decision-engine/budgets";

/** A decision that a payment may get. */
export interface StoredChoice {
  /** An encoded `Decision`. */
  readonly bytes: Uint8Array;
  /** The budget that must not be spent, or that this choice counts towards. */
  readonly takes?: BudgetTake | undefined;
}

export interface StoredDecision extends StoredChoice {
  readonly transactionId: string;
  /** Alternatives if the budget is spent: the first one whose own budget is not spent is stored. */
  readonly otherwise?: readonly StoredChoice[];
}

/** All choices, in the order in which they are tried. */
export function choicesOf(decision: StoredDecision): readonly StoredChoice[] {
  return [decision, ...(decision.otherwise ?? [])];
}
