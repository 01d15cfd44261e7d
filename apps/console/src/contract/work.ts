import type { Outcome } from "./decisions.js";
import type { PersonRef } from "./people.js";

/** Cases that are open now, without snoozed ones, and cases that were closed in the period. */
export interface WorkFigures {
  readonly open: number;
  /** Open cases past their due time. */
  readonly late: number;
  readonly closed: number;
  /** Cases that were closed before they were due. */
  readonly onTime: number;
  /** Half of the closed cases took at most this long from opening to the verdict; null if none was closed. */
  readonly medianMs: number | null;
}

/** Response of `GET /api/overview/work?days=30`. */
export interface Work {
  /** The period in days, until now. Closed cases are kept for a limited time, so it may be shorter than requested. */
  readonly days: number;
  readonly total: WorkFigures;
  readonly unassigned: number;
  readonly snoozed: number;
  /** When the oldest open case was opened; null if none is open. */
  readonly oldestOpenedAtMs: number | null;
  readonly outcomes: readonly { readonly outcome: Outcome; readonly figures: WorkFigures }[];
  /** By the assignee of open cases and the user who closed the others. Empty without `cases:read`. */
  readonly users: readonly { readonly person: PersonRef; readonly figures: WorkFigures }[];
}
