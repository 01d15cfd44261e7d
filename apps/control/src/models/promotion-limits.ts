import { BASIS_POINTS } from "@tripline/decision-engine/assign-card";
import type { GuardPlan } from "@tripline/decision-engine/rollouts/guard-plan";
import { guardPlan } from "@tripline/decision-engine/rollouts/guard-plan";
import { z } from "zod";
import { time, writtenText } from "../requests/request-schemas.js";
import { basisPoints, LABEL_DAYS, percentOf } from "../rollouts/rollout-plan.js";
import type { Change, RolloutState } from "../rollouts/rollout-state.js";

const CARD_DAYS_MAX = 1_098;
const PROMOTIONS_MAX = 100;
const LABEL_DAYS_MAX = 180;
const MATURE_LABELS_MAX = 100_000;
const YEAR_MS = 366 * 86_400_000;

/** Days over which promotions are counted. */
export const PROMOTION_DAYS = 30;

/**
 * The conditions for automatic promotion. A version that retraining registered can get more cards if it meets them,
 * even if nobody has signed a model card for it.
 */
const limits = z.strictObject({
  /** The largest share of the cards, in percent. Only 100 allows the promotion to champion. */
  percent_max: z.number().min(5).max(100).default(100),
  /** Maximum number of promotions of the model within 30 days. */
  promotions_max: z.number().int().min(1).max(PROMOTIONS_MAX).default(4),
  /** Whether the version must have been compared with the champion in money. */
  needs_money: z.boolean().default(true),
  /** Whether the version may be only as good as the champion, as is usual after a drift. */
  may_be_as_good: z.boolean().default(false),
  /** The lowest value of `mature_labels_min` that the version's rollout may have. */
  mature_labels_min: z.number().int().min(0).max(MATURE_LABELS_MAX).default(200),
  /** The lowest value of `label_days`, the age of mature labels, that the version's rollout may have. */
  label_days_min: z.number().int().min(0).max(LABEL_DAYS_MAX).default(14),
  /** The owner of versions that are promoted within the limits. */
  owner: writtenText(200).min(1),
  /** Days for which the model cards of these versions are valid. */
  card_days: z.number().int().min(1).max(CARD_DAYS_MAX).default(180),
});

/** Body of `PUT /v1/models/{model}/limits`. */
export const limitsRequest = limits.extend({
  expires_at: time
    .refine((at) => at.getTime() > Date.now(), "must be in the future")
    .refine((at) => at.getTime() < Date.now() + YEAR_MS, "must be within a year"),
});

export type LimitsRequest = z.infer<typeof limitsRequest>;

/** Body of `POST /v1/models/{model}/limits/signature`. `set_at` identifies the limits that the user read. */
export const limitsSignature = z.strictObject({ set_at: time });

const moment = z.date().transform((date) => date.getTime());

export const limitsRow = z
  .object({
    limits,
    ...{ expires_at: moment, set_by: z.string(), set_at: moment },
    ...{ signed_by: z.string().nullable(), signed_at: moment.nullable() },
  })
  .transform((row) => ({
    ...{ limits: row.limits, expiresAtMs: row.expires_at, setBy: row.set_by, setAtMs: row.set_at },
    /** Null until another user has signed them. */
    signedBy: row.signed_by,
    signedAtMs: row.signed_at,
  }));

export type PromotionLimits = z.infer<typeof limitsRow>;

/** Earlier promotions and rollbacks of a model. */
export interface ModelPast {
  /** Promotions within the last 30 days. */
  readonly promotions: number;
  /** Whether a version with more than 5 % of the cards was rolled back since the limits were set. */
  readonly wasRolledBack: boolean;
}

type Rollout = Pick<RolloutState, "canaryBasisPoints" | "offline" | "plan">;

/** The reason why a step is outside the limits, as a sentence; undefined for a step within the limits. */
export function whyOutside(
  found: PromotionLimits,
  past: ModelPast,
  rollout: Rollout,
  change: Change,
  nowMs: number,
): string | undefined {
  return (
    whyNotInEffect(found, past, nowMs) ?? whyNotGoodEnough(found, rollout) ?? whyTooMuch(found, past, rollout, change)
  );
}

/** The reason why the limits are not in effect, as a sentence; undefined if they are in effect. */
export function whyNotInEffect(found: PromotionLimits, past: ModelPast, nowMs: number): string | undefined {
  if (found.signedBy === null) return "Nobody has signed the limits for automatic promotion.";
  if (found.expiresAtMs <= nowMs) {
    return `The limits for automatic promotion expired on ${new Date(found.expiresAtMs).toISOString()}.`;
  }
  if (!past.wasRolledBack) return undefined;
  return "A version has been rolled back since the limits for automatic promotion were set, so the limits must be set and signed again.";
}

function whyNotGoodEnough({ limits: allowed }: PromotionLimits, { offline, plan }: Rollout): string | undefined {
  if (offline?.is_retrained !== true) {
    return "The limits for automatic promotion apply only to versions that retraining compared with this champion.";
  }
  if (offline.is_as_good && !allowed.may_be_as_good) {
    return "The version is only as good as the champion, but the limits for automatic promotion require a better one.";
  }
  if (offline.money === null && allowed.needs_money) {
    return "The limits for automatic promotion require a comparison in money.";
  }
  const { mature_labels_min: labels, label_days: days = LABEL_DAYS } = plan.guards;
  if (labels < allowed.mature_labels_min) {
    return `Its rollout waits for ${labels} mature labels, but the limits for automatic promotion require at least ${allowed.mature_labels_min}.`;
  }
  if (days < allowed.label_days_min) {
    return `Its labels count as mature after ${days} days, but the limits for automatic promotion require at least ${allowed.label_days_min}.`;
  }
  const loosened = LIMITED_GUARDS.find((name) => plan.guards[name] > DEFAULT_GUARDS[name]);
  if (loosened === undefined) return undefined;
  return `Its rollout has a wider guard than the default (${loosened}), which the limits for automatic promotion do not allow.`;
}

function whyTooMuch(
  { limits: allowed }: PromotionLimits,
  { promotions }: ModelPast,
  { canaryBasisPoints }: Rollout,
  change: Change,
): string | undefined {
  const isPromotion = change.stage === "champion";
  const points = isPromotion ? BASIS_POINTS : (change.canaryBasisPoints ?? canaryBasisPoints);
  if (points > basisPoints(allowed.percent_max)) {
    return `The limits for automatic promotion allow ${allowed.percent_max} % of the cards, not ${percentOf(points)} %.`;
  }
  if (!isPromotion || promotions < allowed.promotions_max) return undefined;
  return `The limits for automatic promotion allow ${allowed.promotions_max} promotions within ${PROMOTION_DAYS} days, and there have already been ${promotions}.`;
}

const DEFAULT_GUARDS = guardPlan.parse({});
/** Guards whose limits must not be wider than their defaults. */
const LIMITED_GUARDS = [
  "missing_points_max",
  "outcome_points_max",
  "slow_ms",
  "slow_points_max",
  "agreement_points_max",
  "outcome_ratio_max",
  "false_alarm_points_max",
  "labels_min",
  "cards_min",
] as const satisfies readonly (keyof GuardPlan)[];
