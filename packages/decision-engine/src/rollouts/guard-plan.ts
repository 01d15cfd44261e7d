import { z } from "zod";

const points = z.number().min(0).max(1);

/** What a rollout must not do, with the least that has to be seen before it is judged. */
export const guardPlan = z.strictObject({
  /** Payments are judged for this long. */
  window_seconds: z.number().int().min(10).max(86_400).default(300),
  /** Cards of each arm that must have paid before anything is judged. */
  cards_min: z.number().int().min(1).max(1_000_000).default(8),
  /** How much larger than the champion's the share of payments without a score may be. */
  missing_points_max: points.default(0.1),
  /** How much larger than the champion's the share of any outcome may be. */
  outcome_points_max: points.default(0.1),
  /** A decision counts as slow when it takes so much longer than 95 % of the champion's. */
  slow_ms: z.number().int().min(1).max(10_000).default(50),
  /** How much more than 5 % of the decisions may be slow. */
  slow_points_max: points.default(0.1),
  /** The largest population stability index of the candidate's scores against the champion's for the same payments. */
  index_max: z.number().min(0).max(100).default(0.25),
  /** How much larger than the champion's the share of genuine payments among those that were not approved may be. */
  false_alarm_points_max: points.default(0.2),
  /** Payments of each arm that were not approved and have a label, before labels are judged. */
  labels_min: z.number().int().min(1).max(1_000_000).default(20),
});

export type GuardPlan = z.infer<typeof guardPlan>;
