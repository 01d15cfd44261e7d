import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import {
  dayOfWeek,
  daysSince,
  fraudCount,
  fraudRate,
  fraudRisk,
  hourOfDay,
  isNewPair,
  isNight,
  isWeekend,
  labelCount,
  maxOf,
  meanOf,
  ratioToMean,
  secondsSince,
  standardDeviation,
  sumOf,
  zScore,
} from "../feature-formulas.js";
import type { EntityPlan } from "../plan-entities.js";
import type { ProfileFeature } from "../profiles.js";
import { findPlaces, planProfiles, profileValue } from "../profiles.js";
import type { Aggregate } from "../state/tile-ring.js";
import { emptyAggregate } from "../state/tile-ring.js";

/** What an entity had seen before a payment. */
export interface EntityView {
  /** False where the payment names no such entity. */
  present: boolean;
  /** One per window of the plan's payments. */
  readonly payments: readonly Aggregate[];
  /** One per window of the plan's labels. */
  readonly labels: readonly Aggregate[];
  lastPaymentMs: number;
  firstFraudMs: number;
  /** Different partners, one number per window of the plan's partners. */
  readonly partners: number[];
  /** When this payment's partner was last seen; `NEVER_MS` for a new one. */
  pairLastMs: number;
  /** Payments with this payment's partner. */
  pairCount: number;
  /** Distance of this payment from the entity's home in km; undefined where either is unknown. */
  homeKm: number | undefined;
  /** Distance from where the entity's last payment took place in km; undefined where either is unknown. */
  lastKm: number | undefined;
  /** Payments in the usual amount, and their clipped sum in thousandths. */
  usualCount: number;
  usualSum: number;
  /** Unusual payments and the largest ratio among them, one number per window of the plan's `usual`. */
  readonly unusual: number[];
  readonly largest: number[];
  /** When the newest payment known to be genuine took place, and when the first fraud after it did. */
  genuineMs: number;
  runBeganMs: number;
  /** Frauds after it. */
  runCount: number;
}

/** A payment and what its entities had seen before it, or only the entities at one time. Refilled for each use. */
export interface PaymentView {
  atMs: number;
  /** 1 for a payment, which counts itself; 0 for a look at the entities alone. */
  own: 0 | 1;
  /** In major units. */
  amount: number;
  thousandths: number;
  /** Degrees; NaN where the payment does not say. */
  latitude: number;
  longitude: number;
  /** In the order of the spec. */
  readonly entities: readonly EntityView[];
  /** By profile of the spec: its columns; undefined where no row is in force. */
  readonly profiles: (ArrayLike<number> | undefined)[];
}

export type CompiledFeature = (view: PaymentView) => number;
type EntityFeature = (entity: EntityView, view: PaymentView) => number;

/**
 * One feature as a function of a payment and its past; docs/features.md defines the kinds. A past beyond the longest
 * window (`horizonMs`) counts as none, because a stored state is forgotten some time after it.
 */
export function compileFeature(
  feature: Feature,
  spec: FeatureSpec,
  plans: readonly EntityPlan[],
  horizonMs: number,
): CompiledFeature {
  switch (feature.kind) {
    case "amount":
      return (view) => view.amount;
    case "hour_of_day":
      return (view) => hourOfDay(view.atMs);
    case "day_of_week":
      return (view) => dayOfWeek(view.atMs);
    case "is_weekend":
      return (view) => isWeekend(view.atMs);
    case "is_night":
      return (view) => isNight(view.atMs);
    case "profile":
      return ofProfile(feature, spec);
    default:
      return ofEntity(feature, spec, plans, horizonMs);
  }
}

function ofProfile(feature: ProfileFeature, spec: FeatureSpec): CompiledFeature {
  const { profile, first, second } = findPlaces(feature, planProfiles(spec));
  return (view) => {
    const columns = view.profiles[profile];
    return columns === undefined
      ? feature.default
      : profileValue(feature, columns[first] ?? Number.NaN, columns[second] ?? Number.NaN, view);
  };
}

type OverEntity = Exclude<Extract<Feature, { entity: string }>, ProfileFeature>;

/** The member of the union `OverEntity` that has kind `K` among its kinds. */
type FeatureOf<K extends OverEntity["kind"], F = OverEntity> = F extends { kind: infer Kinds }
  ? K extends Kinds
    ? F
    : never
  : never;

function ofEntity(
  feature: OverEntity,
  spec: FeatureSpec,
  plans: readonly EntityPlan[],
  horizonMs: number,
): CompiledFeature {
  const index = Object.keys(spec.entities).indexOf(feature.entity);
  const plan = plans[index];
  if (plan === undefined) throw new RangeError(`the spec has no entity ${feature.entity}`);
  const compiled = compileOver(feature, plan, horizonMs);
  return (view) => {
    const entity = view.entities[index];
    return entity?.present ? compiled(entity, view) : feature.default;
  };
}

function compileOver(feature: OverEntity, plan: EntityPlan, horizonMs: number): EntityFeature {
  switch (feature.kind) {
    case "count":
    case "sum":
    case "mean":
    case "max":
      return compileAmounts(feature, plan.payments.windowIndex.get(feature.window) ?? -1);
    case "std":
    case "z_score":
    case "ratio_to_mean":
      return compileComparison(feature, plan.payments.windowIndex.get(feature.window) ?? -1);
    case "label_count":
    case "fraud_count":
    case "fraud_rate":
      return compileLabels(feature, plan.labels.windowIndex.get(feature.window) ?? -1);
    case "fraud_risk":
      return compileRisk(feature, plan.labels.windowIndex.get(feature.window) ?? -1);
    case "distinct":
      return compileDistinct(plan.partners?.windowIndex.get(feature.window) ?? -1);
    case "seconds_since_last":
      return (entity, view) => secondsSince(entity.lastPaymentMs, view.atMs, horizonMs, feature.default);
    case "pair_seconds_since_last":
      return (entity, view) => secondsSince(entity.pairLastMs, view.atMs, horizonMs, feature.default);
    case "pair_is_new":
      return (entity) => isNewPair(entity.pairLastMs);
    case "pair_count":
      return (entity) => entity.pairCount + 1;
    case "distance_from_home":
      return (entity) => entity.homeKm ?? feature.default;
    case "distance_from_last":
      return (entity) => entity.lastKm ?? feature.default;
    case "days_since_first_fraud":
      return (entity, view) => daysSince(entity.firstFraudMs, view.atMs, feature.default);
    case "ratio_to_usual":
      return (entity, view) => ratioToMean(view.thousandths, entity.usualCount, entity.usualSum, feature.default);
    case "unusual_count":
    case "unusual_max":
      return compileUnusual(feature.kind, plan.usual?.windowIndex.get(feature.window) ?? -1);
    case "days_since_last_genuine":
      return (entity, view) => daysSince(entity.genuineMs, view.atMs, feature.default);
    case "days_since_run_began":
      return (entity, view) => daysSince(entity.runBeganMs, view.atMs, feature.default);
    case "run_count":
      return (entity) => entity.runCount;
  }
}

function compileAmounts({ kind, default: none }: FeatureOf<"count">, index: number): EntityFeature {
  const past = (entity: EntityView): Aggregate => entity.payments[index] ?? NOTHING;
  switch (kind) {
    case "count":
      return (entity, view) => past(entity).count + view.own;
    case "sum":
      return (entity, view) => sumOf(past(entity).sum + view.thousandths);
    case "mean":
      return (entity, view) => {
        const { count, sum } = past(entity);
        return meanOf(count + view.own, sum + view.thousandths, none);
      };
    default:
      return (entity, view) => {
        const { count, max } = past(entity);
        return maxOf(count + view.own, Math.max(max, view.thousandths), none);
      };
  }
}

/** The amount against the payments before it. */
function compileComparison({ kind, default: none }: FeatureOf<"std">, index: number): EntityFeature {
  return (entity, view) => {
    const past = entity.payments[index] ?? NOTHING;
    if (kind === "ratio_to_mean") return ratioToMean(view.thousandths, past.count, past.sum, none);
    return kind === "std" ? standardDeviation(past, none) : zScore(view.thousandths, past, none);
  };
}

function compileLabels({ kind, default: none }: FeatureOf<"label_count">, index: number): EntityFeature {
  return (entity) => {
    const { count, sum } = entity.labels[index] ?? NOTHING;
    if (kind === "label_count") return labelCount(count, none);
    return kind === "fraud_count" ? fraudCount(count, sum, none) : fraudRate(count, sum, none);
  };
}

function compileRisk({ prior, weight }: FeatureOf<"fraud_risk">, index: number): EntityFeature {
  return (entity) => {
    const { count, sum } = entity.labels[index] ?? NOTHING;
    return fraudRisk(count, sum, prior, weight);
  };
}

function compileUnusual(kind: "unusual_count" | "unusual_max", index: number): EntityFeature {
  return kind === "unusual_count" ? (entity) => entity.unusual[index] ?? 0 : (entity) => entity.largest[index] ?? 0;
}

function compileDistinct(index: number): EntityFeature {
  return (entity) => entity.partners[index] ?? 0;
}

const NOTHING: Readonly<Aggregate> = emptyAggregate();
