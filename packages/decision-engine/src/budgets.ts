import type { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Budget, Policy, SpentAnswer } from "./policy.js";

/** What a payment takes when it gets the outcome of a budget. */
export interface BudgetTake {
  readonly tenant: string;
  readonly outcome: Outcome;
  /** `YYYY-MM-DD`, where the budget's days begin. */
  readonly day: string;
  /** So many are there in a day; undefined where the payment has its outcome also when none is left, and counts. */
  readonly perDay: number | undefined;
}

/** The budget of an outcome, if the policy has one. */
export function budgetOf({ budgets }: Pick<Policy, "budgets">, outcome: Outcome): Budget | undefined {
  return budgets.find((budget) => budget.outcome === outcome);
}

export function perDayOf({ perDay, perDayByTenant }: Budget, tenant: string): number {
  return perDayByTenant.get(tenant) ?? perDay;
}

/** What is done with a payment whose budget is spent. Without a score only a row for all can be meant. */
export function answerWhenSpent({ whenSpent }: Budget, score: number | undefined): SpentAnswer | undefined {
  return whenSpent.find(({ scoreBelow }) => scoreBelow === undefined || (score !== undefined && score < scoreBelow));
}

/** The date at a time in a time zone, `YYYY-MM-DD`. @throws RangeError for a zone that does not exist */
export function dayIn(timeZone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat("en", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    return `${parts.get("year")}-${parts.get("month")}-${parts.get("day")}`;
  };
}
