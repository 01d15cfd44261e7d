import type { EntityName, Feature } from "@tripline/contracts/feature-spec";
import { NEVER_MS } from "./entity-state.js";
import type { EntityPlan, StreamPlan } from "./plan-entities.js";
import type { Aggregate } from "./tile-ring.js";

/** What an entity's windows held before a payment, one aggregate per `WindowPlan`. */
export interface EntityView {
  readonly payments: readonly Aggregate[];
  readonly labels: readonly Aggregate[];
  lastPaymentMs: number;
}

/** A payment, and what its card and terminal had seen before it. Refilled for every payment. */
export interface PaymentView {
  atMs: number;
  /** In major units. */
  amount: number;
  thousandths: number;
  readonly card: EntityView;
  readonly terminal: EntityView;
}

export type CompiledFeature = (view: PaymentView) => number;

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const THOUSANDTHS = 1000;

/**
 * One feature as a function of a payment and its past; the kinds are defined in the feature spec. A last payment before
 * the longest window counts as none, because a stored state is forgotten some time after it.
 */
export function compileFeature(
  feature: Feature,
  plans: Readonly<Record<EntityName, EntityPlan>>,
  horizonMs: number,
): CompiledFeature {
  switch (feature.kind) {
    case "amount":
      return (view) => view.amount;
    case "hour_of_day":
      return (view) => hourOfDay(view.atMs);
    case "is_weekend":
      return (view) => (isWeekend(view.atMs) ? 1 : 0);
    case "is_night":
      return (view) => (hourOfDay(view.atMs) < 7 ? 1 : 0);
    case "seconds_since_last":
      return compileSinceLast(feature, horizonMs);
    case "count":
    case "sum":
    case "mean":
    case "max":
    case "ratio_to_mean":
      return compileWindow(feature, plans[feature.entity].payments);
    case "label_count":
    case "fraud_count":
    case "fraud_rate":
      return compileLabels(feature, plans[feature.entity].labels);
  }
}

/** The member of the union `Feature` that has kind `K` among its kinds. */
type FeatureOf<K extends Feature["kind"], F = Feature> = F extends { kind: infer Kinds }
  ? K extends Kinds
    ? F
    : never
  : never;

function compileSinceLast(feature: FeatureOf<"seconds_since_last">, horizonMs: number): CompiledFeature {
  const { entity } = feature;
  return (view) => {
    const last = view[entity].lastPaymentMs;
    const passedMs = view.atMs - last;
    // Of a payment out of order only newer ones may be known; how long before it the last one was is then unknown.
    return last === NEVER_MS || passedMs < 0 || passedMs > horizonMs ? feature.default : passedMs / 1000;
  };
}

function compileWindow(feature: FeatureOf<"count">, plan: StreamPlan): CompiledFeature {
  const { entity } = feature;
  const index = plan.windowIndex.get(feature.window) ?? -1;
  const past = (view: PaymentView): Aggregate => view[entity].payments[index] ?? NOTHING;
  switch (feature.kind) {
    case "count":
      return (view) => past(view).count + 1;
    case "sum":
      return (view) => (past(view).sum + view.thousandths) / THOUSANDTHS;
    case "mean":
      return (view) => (past(view).sum + view.thousandths) / THOUSANDTHS / (past(view).count + 1);
    case "max":
      return (view) => Math.max(past(view).max, view.thousandths) / THOUSANDTHS;
    case "ratio_to_mean":
      return (view) => {
        const { count, sum } = past(view);
        return sum === 0 ? feature.default : (view.thousandths * count) / sum;
      };
  }
}

function compileLabels(feature: FeatureOf<"label_count">, plan: StreamPlan): CompiledFeature {
  const { entity } = feature;
  const index = plan.windowIndex.get(feature.window) ?? -1;
  return (view) => {
    const { count, sum } = view[entity].labels[index] ?? NOTHING;
    if (count === 0) return feature.default;
    if (feature.kind === "label_count") return count;
    return feature.kind === "fraud_count" ? sum : sum / count;
  };
}

const NOTHING: Aggregate = { count: 0, sum: 0, max: 0 };

function hourOfDay(atMs: number): number {
  return Math.floor((atMs % DAY_MS) / HOUR_MS);
}

/** Day 0 of the epoch was a Thursday. */
function isWeekend(atMs: number): boolean {
  const weekday = (Math.floor(atMs / DAY_MS) + 4) % 7;
  return weekday === 0 || weekday === 6;
}
