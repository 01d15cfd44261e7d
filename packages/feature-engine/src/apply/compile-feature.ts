import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isUpdateFeature } from "@tripline/contracts/feature-spec";
import { filterKey } from "@tripline/contracts/payment-filter";
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
import { planCategories } from "../payment-categories.js";
import { planFilters } from "../payment-filters.js";
import { selectUpdates } from "../payment-updates.js";
import type { EntityPlan } from "../plan-entities.js";
import type { ProfileFeature } from "../profiles.js";
import { findPlaces, planProfiles, profileValue } from "../profiles.js";
import type { Aggregate } from "../state/tile-ring.js";
import { emptyAggregate } from "../state/tile-ring.js";

/** The history of an entity before a payment. Refilled for each use. */
export interface EntityView {
  /** One per window of the plan's payments. */
  readonly payments: readonly Aggregate[];
  /** One per window of the plan's labels. */
  readonly labels: readonly Aggregate[];
  lastPaymentMs: number;
  firstFraudMs: number;
  /** Number of distinct partners, per window of the plan's partners. */
  readonly partners: number[];
  /** Whether this payment names a partner. */
  hasPartner: boolean;
  /** Number of partners with a confirmed fraud, per window, excluding this payment's partner. */
  readonly frauds: number[];
  /** When this payment's partner was last seen; `NEVER_MS` for a new partner. */
  pairLastMs: number;
  /** Number of payments with this payment's partner. */
  pairCount: number;
  /** Distance of this payment from the entity's home in km; undefined if either is unknown. */
  homeKm: number | undefined;
  /** Distance from the entity's previous payment in km; undefined if either location is unknown. */
  lastKm: number | undefined;
  /** The number of payments in the usual amount, and the sum of their clipped amounts in thousandths. */
  usualCount: number;
  usualSum: number;
  /** Number of unusual payments, and the largest ratio among them, per window of the plan's `usual`. */
  readonly unusual: number[];
  readonly largest: number[];
  /** Time of the newest payment known to be genuine, and of the first fraud after it. */
  genuineMs: number;
  runBeganMs: number;
  /** Number of frauds after that genuine payment. */
  runCount: number;
  /** One view per slice of the plan, over the payments that match its filter. */
  readonly slices: readonly EntityView[];
  /** One per window of each `UpdatePlan`. */
  readonly updates: readonly (readonly Aggregate[])[];
}

/** A payment, or only a time at which to read entities. Refilled for each use. */
export interface PaymentView {
  atMs: number;
  /** 1 for a payment, which counts itself; 0 if only the entities are read. */
  own: 0 | 1;
  /** In major units. */
  amount: number;
  thousandths: number;
  /** Degrees; NaN if the payment has no location. */
  latitude: number;
  longitude: number;
  /** For each profile of the spec, its columns; undefined if no row is in force. */
  readonly profiles: (ArrayLike<number> | undefined)[];
  /** For each filter of the spec: 1 if the payment matches it. */
  readonly passes: Uint8Array;
  /** The codes of the spec's categories. */
  readonly categories: Float64Array;
}

/** A feature of the payment itself, or of the payment and a profile. */
export interface PaymentFeature {
  /** Index in the spec. */
  readonly index: number;
  readonly compute: (view: PaymentView) => number;
}

/** A feature of an entity's history before a payment. */
export interface EntityFeature {
  /** Index in the spec. */
  readonly index: number;
  /** Value for a payment that does not name such an entity. */
  readonly default: number;
  readonly compute: ComputeOverEntity;
}

type ComputeOverEntity = (entity: EntityView, view: PaymentView) => number;

/** The features of a spec as functions; docs/features.md defines the kinds. */
export interface CompiledFeatures {
  readonly payment: readonly PaymentFeature[];
  /** In the order of the spec's entities. */
  readonly entities: readonly (readonly EntityFeature[])[];
}

/**
 * Compiles the features of a spec. Events before the longest window (`horizonMs`) are ignored, because a stored state
 * expires some time after it.
 */
export function compileFeatures(spec: FeatureSpec, plans: readonly EntityPlan[], horizonMs: number): CompiledFeatures {
  const all = spec.features.map((feature, index) => ({ feature, index }));
  const filters = planFilters(spec).map(({ key }) => key);
  return {
    payment: all.flatMap(({ feature, index }) =>
      isOverEntity(feature) ? [] : [{ index, compute: compileOwn(feature, spec) }],
    ),
    entities: plans.map((plan) =>
      all.flatMap(({ feature, index }) =>
        isOverEntity(feature) && feature.entity === plan.name
          ? [{ index, default: feature.default, compute: compileFiltered(feature, plan, horizonMs, filters) }]
          : [],
      ),
    ),
  };
}

/** Kinds that include the payment itself if it matches their filter. `viewEntity` does the same for `distinct`. */
const INCLUDING: readonly Feature["kind"][] = ["count", "sum", "mean", "max", "pair_count"];

function compileFiltered(
  feature: OverEntity,
  plan: EntityPlan,
  horizonMs: number,
  filters: readonly string[],
): ComputeOverEntity {
  const { where } = feature;
  if (where === undefined || isUpdateFeature(feature)) return compileOver(feature, plan, horizonMs);
  const filter = filters.indexOf(filterKey(where));
  const place = plan.slices.findIndex((slice) => slice.filter === filter);
  const slice = plan.slices[place];
  if (slice === undefined) throw new RangeError(`${plan.name} has no slice for ${feature.name}`);
  const compute = compileOver(feature, slice, horizonMs);
  const includes = INCLUDING.includes(feature.kind);
  return (entity, view) => {
    const own = entity.slices[place];
    if (own === undefined) return feature.default;
    return compute(own, includes && view.passes[filter] !== 1 ? NO_PAYMENT : view);
  };
}

/** Replaces a payment that a filter excludes. */
const NO_PAYMENT: PaymentView = {
  ...{ atMs: 0, own: 0, amount: 0, thousandths: 0, latitude: Number.NaN, longitude: Number.NaN },
  ...{ profiles: [], passes: new Uint8Array(0), categories: new Float64Array(0) },
};

type OwnFeature = Exclude<Feature, { entity: string }> | ProfileFeature;

function compileOwn(feature: OwnFeature, spec: FeatureSpec): PaymentFeature["compute"] {
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
    case "category": {
      const place = planCategories(spec).findIndex(({ field }) => field === feature.field);
      return (view) => view.categories[place] ?? feature.default;
    }
    case "profile":
      return ofProfile(feature, spec);
  }
}

function ofProfile(feature: ProfileFeature, spec: FeatureSpec): PaymentFeature["compute"] {
  const { profile, first, second } = findPlaces(feature, planProfiles(spec));
  return (view) => {
    const columns = view.profiles[profile];
    return columns === undefined
      ? feature.default
      : profileValue(feature, columns[first] ?? Number.NaN, columns[second] ?? Number.NaN, view);
  };
}

type OverEntity = Exclude<Extract<Feature, { entity: string }>, ProfileFeature>;

function isOverEntity(feature: Feature): feature is OverEntity {
  return "entity" in feature && feature.kind !== "profile";
}

/** The member of the union `OverEntity` whose kinds include `K`. */
type FeatureOf<K extends OverEntity["kind"], F = OverEntity> = F extends { kind: infer Kinds }
  ? K extends Kinds
    ? F
    : never
  : never;

function compileOver(feature: OverEntity, plan: EntityPlan, horizonMs: number): ComputeOverEntity {
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
    case "update_count":
    case "update_sum":
    case "declined_share":
      return compileUpdates(feature, plan);
    case "distinct":
      return compileDistinct(plan.partners?.windowIndex.get(feature.window) ?? -1);
    case "neighbours":
      return compileNeighbours(feature, plan.partners?.windowIndex.get(feature.window) ?? -1);
    case "seconds_since_last":
      return (entity, view) => secondsSince(entity.lastPaymentMs, view.atMs, horizonMs, feature.default);
    case "pair_seconds_since_last":
      return (entity, view) => secondsSince(entity.pairLastMs, view.atMs, horizonMs, feature.default);
    case "pair_is_new":
      return (entity) => (entity.hasPartner ? isNewPair(entity.pairLastMs) : feature.default);
    case "pair_count":
      return (entity, { own }) => (entity.hasPartner ? entity.pairCount + own : feature.default);
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

function compileAmounts({ kind, default: none }: FeatureOf<"count">, index: number): ComputeOverEntity {
  switch (kind) {
    case "count":
      return ({ payments }, { own }) => (payments[index] ?? NOTHING).count + own;
    case "sum":
      return ({ payments }, { thousandths }) => sumOf((payments[index] ?? NOTHING).sum + thousandths);
    case "mean":
      return ({ payments }, { own, thousandths }) => {
        const { count, sum } = payments[index] ?? NOTHING;
        return meanOf(count + own, sum + thousandths, none);
      };
    default:
      return ({ payments }, { own, thousandths }) => {
        const { count, max } = payments[index] ?? NOTHING;
        return maxOf(count + own, Math.max(max, thousandths), none);
      };
  }
}

/** Compares the amount with the earlier payments. */
function compileComparison({ kind, default: none }: FeatureOf<"std">, index: number): ComputeOverEntity {
  switch (kind) {
    case "ratio_to_mean":
      return ({ payments }, { thousandths }) => {
        const { count, sum } = payments[index] ?? NOTHING;
        return ratioToMean(thousandths, count, sum, none);
      };
    case "std":
      return ({ payments }) => standardDeviation(payments[index] ?? NOTHING, none);
    default:
      return ({ payments }, { thousandths }) => zScore(thousandths, payments[index] ?? NOTHING, none);
  }
}

function compileLabels({ kind, default: none }: FeatureOf<"label_count">, index: number): ComputeOverEntity {
  if (kind === "label_count") return ({ labels }) => labelCount((labels[index] ?? NOTHING).count, none);
  const formula = kind === "fraud_count" ? fraudCount : fraudRate;
  return ({ labels }) => {
    const { count, sum } = labels[index] ?? NOTHING;
    return formula(count, sum, none);
  };
}

function compileRisk({ prior, weight }: FeatureOf<"fraud_risk">, index: number): ComputeOverEntity {
  return (entity) => {
    const { count, sum } = entity.labels[index] ?? NOTHING;
    return fraudRisk(count, sum, prior, weight);
  };
}

function compileUpdates(feature: FeatureOf<"update_count">, { updates }: EntityPlan): ComputeOverEntity {
  const { kind, window, default: none } = feature;
  const { key } = selectUpdates(feature);
  const place = updates.findIndex((one) => one.key === key);
  const index = updates[place]?.stream.windowIndex.get(window) ?? -1;
  const within = (entity: EntityView) => entity.updates[place]?.[index] ?? NOTHING;
  if (kind === "update_count") return (entity) => within(entity).count;
  if (kind === "update_sum") return (entity) => sumOf(within(entity).sum);
  return (entity) => {
    const { count, sum } = within(entity);
    return fraudRate(count, sum, none);
  };
}

function compileUnusual(kind: "unusual_count" | "unusual_max", index: number): ComputeOverEntity {
  return kind === "unusual_count" ? (entity) => entity.unusual[index] ?? 0 : (entity) => entity.largest[index] ?? 0;
}

function compileDistinct(index: number): ComputeOverEntity {
  return (entity) => entity.partners[index] ?? 0;
}

function compileNeighbours({ counts }: FeatureOf<"neighbours">, index: number): ComputeOverEntity {
  // The distinct partners always include the payment's own partner.
  return counts === "all"
    ? (entity, { own }) => (entity.partners[index] ?? 0) - (entity.hasPartner ? own : 0)
    : (entity) => entity.frauds[index] ?? 0;
}

const NOTHING: Readonly<Aggregate> = emptyAggregate();
