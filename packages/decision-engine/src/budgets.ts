import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Budget, Policy, SpentAnswer } from "./policy.js";

/** How a payment is charged to a daily limit. */
export interface BudgetTake {
  readonly tenant: string;
  /** What is limited: the name of an outcome, or the amount explored in a currency. */
  readonly what: string;
  /** `YYYY-MM-DD`, in the budget's time zone. */
  readonly day: string;
  /**
   * The daily limit; undefined if the payment is charged to the budget but gets its outcome even if the budget is
   * spent.
   */
  readonly perDay: number | undefined;
  /** What must be left of the limit: 1 payment, or the payment's amount in minor units. */
  readonly units: number;
  /** Whether the units are used up; if not, they only need to be available. */
  readonly isCharged: boolean;
}

/** One payment with an outcome that has a budget. */
export function paymentTake(take: Pick<BudgetTake, "tenant" | "day" | "perDay">, outcome: Outcome): BudgetTake {
  return { ...take, what: Outcome[outcome].toLowerCase(), units: 1, isCharged: true };
}

/** The budget of an outcome, if the policy has one. */
export function budgetOf({ budgets }: Pick<Policy, "budgets">, outcome: Outcome): Budget | undefined {
  return budgets.find((budget) => budget.outcome === outcome);
}

export function perDayOf({ perDay, perDayByTenant }: Budget, tenant: string): number {
  return perDayByTenant.get(tenant) ?? perDay;
}

/** The answer for a payment whose budget is spent. Without a score, only a row without a limit applies. */
export function answerWhenSpent({ whenSpent }: Budget, score: number | undefined): SpentAnswer | undefined {
  return whenSpent.find(({ scoreBelow }) => scoreBelow === undefined || (score !== undefined && score < scoreBelow));
}

/** The date of a time in a time zone, `YYYY-MM-DD`. @throws RangeError for an unknown time zone */
export function dayIn(timeZone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    return `${parts.get("year")}-${parts.get("month")}-${parts.get("day")}`;
  };
}
