import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";

/** The outcomes that are counted together. */
export const OUTCOMES = {
  approved: [Outcome.APPROVE],
  reviewed: [Outcome.CHALLENGE, Outcome.REVIEW],
  declined: [Outcome.DECLINE],
} as const;
export type OutcomeGroup = keyof typeof OUTCOMES;
export type Counted = "payments" | "frauds" | "genuine";
type Unit = "" | "_minor";
export type SumColumn = `${OutcomeGroup}_${Counted}${Unit}`;

const GROUPS = Object.keys(OUTCOMES) as readonly OutcomeGroup[];

/** The columns of `console.overview_days` with sums. */
export const SUM_COLUMNS = GROUPS.flatMap((group) =>
  (["payments", "frauds", "genuine"] as const).flatMap((what) =>
    (["", "_minor"] as const).map((unit) => {
      const name: SumColumn = `${group}_${what}${unit}`;
      return { name, group, what, isAmount: unit === "_minor" };
    }),
  ),
);
