import type { BudgetTake } from "@tripline/decision-engine/budgets";

/** A decision that a payment may get. */
export interface StoredChoice {
  /** An encoded `Decision`. */
  readonly bytes: Uint8Array;
  /** The budget that has to have something left, or that it counts for. */
  readonly takes?: BudgetTake | undefined;
}

export interface StoredDecision extends StoredChoice {
  readonly transactionId: string;
  /** Of these, the first one whose budget has something left is kept where its own has nothing left. */
  readonly otherwise?: readonly StoredChoice[];
}

/** In the order in which they are tried. */
export function choicesOf(decision: StoredDecision): readonly StoredChoice[] {
  return [decision, ...(decision.otherwise ?? [])];
}
