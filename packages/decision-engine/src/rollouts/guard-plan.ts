import { z } from "zod";

const points = z.number().min(0).max(1);

/** Limits of a rollout, with the minimum data needed to judge it. */
export const guardPlan = z.strictObject({
  /** Length of the window that is judged. */
  window_seconds: z.number().int().min(10).max(86_400).default(300),
  /** Minimum number of cards with payments in each arm; with fewer cards, nothing is judged. */
  cards_min: z.number().int().min(1).max(1_000_000).default(8),
  /** How much the candidate's share of payments without a score may exceed the champion's. */
  missing_points_max: points.default(0.1),
  /** How much the candidate's share of any outcome may exceed the champion's. */
  outcome_points_max: points.default(0.1),
  /** A decision is slow if it exceeds the champion's 95th percentile by more than this. */
  slow_ms: z.number().int().min(1).max(10_000).default(50),
  /** How much the share of slow decisions may exceed 5 %. */
  slow_points_max: points.default(0.1),
  /** Maximum population stability index of the candidate's scores vs. the champion's for the same payments. */
  index_max: z.number().min(0).max(100).default(0.25),
  /**
   * How much the candidate's share of genuine payments among those that were not approved may exceed the champion's.
   */
  false_alarm_points_max: points.default(0.2),
  /** Minimum number of labelled payments per arm that were not approved; with fewer payments, labels are not judged. */
  labels_min: z.number().int().min(1).max(1_000_000).default(20),
});

export type GuardPlan = z.infer<typeof guardPlan>;
