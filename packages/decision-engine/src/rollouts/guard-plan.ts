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
  /** How much a new champion's share of any outcome may exceed its predecessor's, after the promotion. */
  outcome_points_max: points.default(0.1),
  /** A decision is slow if it exceeds the champion's 95th percentile by more than this. */
  slow_ms: z.number().int().min(1).max(10_000).default(50),
  /** How much the share of slow decisions may exceed 5 %. */
  slow_points_max: points.default(0.1),
  /**
   * The share of pairs of payments that the candidate and the champion put in different orders may exceed the share
   * before the rollout by this much. 1 disables the guard.
   */
  agreement_points_max: points.default(0.05),
  /** Maximum factor by which an outcome may be more or less frequent than expected. */
  outcome_ratio_max: z.number().min(1).max(1_000).default(1.5),
  /** Ignored; accepted for one release. It was the maximum population stability index of the scores. */
  index_max: z.number().min(0).max(100).optional(),
  /**
   * How much the candidate's share of genuine payments among those that were not approved may exceed the champion's.
   */
  false_alarm_points_max: points.default(0.01),
  /** Minimum number of labelled payments per arm that were not approved; with fewer payments, labels are not judged. */
  labels_min: z.number().int().min(1).max(1_000_000).default(20),
  /** Days after which a payment has its labels. Default: those that the candidate's training assumed, or else 30. */
  label_days: z.number().int().min(0).max(180).optional(),
  /** The candidate decides for at most 5 % of the cards until this many of its own alerts have mature labels. */
  mature_labels_min: z.number().int().min(0).max(100_000).default(200),
});

export type GuardPlan = z.infer<typeof guardPlan>;
