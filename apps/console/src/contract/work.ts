import type { Outcome } from "./decisions.js";
import type { PersonRef } from "./people.js";

/** Cases that are open now, except snoozed ones, and cases that were closed in the period. */
export interface WorkFigures {
  readonly open: number;
  /** Open cases past their due time. */
  readonly late: number;
  readonly closed: number;
  /** Cases that were closed before they were due. */
  readonly onTime: number;
  /** The median time from the opening of the closed cases to their verdict; null if no case was closed. */
  readonly medianMs: number | null;
}

/** Response of `GET /api/overview/work?days=30`. */
export interface Work {
  /** The length of the period up to now, in days. May be shorter than requested, because closed cases are deleted. */
  readonly days: number;
  readonly total: WorkFigures;
  readonly unassigned: number;
  readonly snoozed: number;
  /** When the oldest open case was opened; null if no case is open. */
  readonly oldestOpenedAtMs: number | null;
  readonly outcomes: readonly { readonly outcome: Outcome; readonly figures: WorkFigures }[];
  /** Open cases by their assignee, and closed cases by the user who closed them. Empty without `cases:read`. */
  readonly users: readonly { readonly person: PersonRef; readonly figures: WorkFigures }[];
}
