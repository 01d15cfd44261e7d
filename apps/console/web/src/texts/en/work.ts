import { plural } from "./plural.js";

/** Cases on the Overview. */
export const text = {
  title: "Cases",
  open: "Open",
  waiting: (unassigned: string, snoozed: string) => `${unassigned} unassigned; ${snoozed} snoozed`,
  late: "Past due",
  ofOpen: (share: string) => `${share} of open cases`,
  oldest: "Oldest open case",
  closed: "Closed",
  inDays: (days: number) => `in the last ${plural(days, "day", "days")}`,
  onTime: "Closed on time",
  beforeDue: "before they were due",
  median: "Median time to verdict",
  medianDetail: "from the decision that opened the case",
  outcome: "Outcome",
  user: "User",
  byOutcome: "Cases by outcome",
  byUser: "Cases by user",
  note:
    "Open cases are counted as of now and by assignee, and do not include snoozed ones. Closed cases are counted by the user who closed " +
    "them, for as long as they are stored. Reopened cases count as open.",
} as const;
