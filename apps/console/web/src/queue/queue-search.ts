import { CURRENCIES } from "@tripline/contracts/currency";
import type { CaseQuery, CaseSort, CaseStatus } from "#contract/cases";
import type { Outcome } from "#contract/decisions";

/** Queue filters stored in the URL. The search text may contain a card, so it is not stored there. */
export type QueueSearch = Omit<CaseQuery, "search" | "after" | "limit">;

/** The names of the drafts that store the queue's filters and its search text. */
export const QUEUE_FILTERS = "queue-filters";
export const QUEUE_TEXT = "queue-search";

export const STATUSES: readonly CaseStatus[] = ["open", "snoozed", "closed"];
export const OUTCOMES: readonly Outcome[] = ["review", "challenge", "decline", "approve"];
export const SORTS: readonly CaseSort[] = ["due", "opened", "score", "amount"];

const WORD = /^[A-Za-z0-9_.:-]{1,64}$/;

/** The filters in a URL. Unknown parameters are ignored, so that old URLs still work. */
export function readQueueSearch(search: Record<string, unknown>): QueueSearch {
  const oneOf = <T extends string>(name: string, of: readonly T[]): T | undefined =>
    of.find((one) => one === search[name]);
  const word = (name: string): string | undefined => {
    const value = search[name];
    return typeof value === "string" && WORD.test(value) ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const value = Number(search[name] ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const minorUnits = (name: string): number | undefined => {
    const value = number(name);
    return Number.isSafeInteger(value) ? value : undefined;
  };
  const flag = (name: string): true | undefined => (search[name] === true ? true : undefined);
  return withoutUndefined({
    status: oneOf("status", STATUSES),
    outcome: oneOf("outcome", OUTCOMES),
    sort: oneOf("sort", SORTS),
    reason: word("reason"),
    assignee: word("assignee"),
    currency: oneOf("currency", CURRENCIES),
    amountMinorMin: minorUnits("amountMinorMin"),
    amountMinorMax: minorUnits("amountMinorMax"),
    scoreMin: number("scoreMin"),
    overdue: flag("overdue"),
    escalated: flag("escalated"),
  });
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

export function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}

/** Query for the backend. "Due first" is ascending; the other orders are descending. */
export function caseQuery(search: QueueSearch, typed: string): CaseQuery {
  const sort = search.sort ?? "due";
  return {
    status: "open",
    ...search,
    sort,
    descending: sort !== "due",
    ...(typed.trim() === "" ? {} : { search: typed.trim() }),
  };
}
