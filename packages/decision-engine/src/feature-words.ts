import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { keyFields } from "@tripline/contracts/feature-spec";
import { CATEGORY_FIELDS, ENTITY_KEYS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { describeFilter } from "@tripline/contracts/payment-filter";
import { categoryText } from "@tripline/contracts/text/category-code";
import type { Unit } from "./format-value.js";
import { formatRate, formatValue } from "./format-value.js";
import type { Template } from "./render-text.js";
import { parseTemplate, renderText } from "./render-text.js";

/** The data on which the reasons for one payment are based. */
export interface DescribedPayment {
  readonly currency: string;
  /** Its features, in the order of the spec. */
  readonly values: readonly number[];
  /**
   * The payment itself, which contains the texts of its categories. If the payment does not name an entity, the
   * features of that entity have their defaults, which say nothing about the payment. If the payment is missing, it is
   * assumed to name every entity.
   */
  readonly transaction?: Partial<Transaction> | undefined;
}

/** The wording for one feature. */
export interface FeatureWords {
  readonly name: string;
  /** Features of one topic are similar, so together they make one reason. */
  readonly topic: string;
  /** The sentence about its value and its baseline; undefined if none applies. */
  describe(payment: DescribedPayment): string | undefined;
}

type CategoryFeature = Extract<Feature, { kind: "category" }>;
type MeasuredKind = Exclude<Feature["kind"], "profile" | "category">;
type Measure = Extract<Feature, { kind: "profile" }>["measure"];

const UNITS: Readonly<Record<MeasuredKind, Unit>> = {
  amount: "amount",
  hour_of_day: "clock",
  day_of_week: "weekday",
  is_weekend: "count",
  is_night: "count",
  count: "count",
  sum: "amount",
  mean: "amount",
  max: "amount",
  std: "amount",
  z_score: "signed",
  ratio_to_mean: "decimal",
  seconds_since_last: "seconds",
  distance_from_home: "kilometres",
  distance_from_last: "kilometres",
  ratio_to_usual: "decimal",
  unusual_count: "count",
  unusual_max: "decimal",
  distinct: "count",
  neighbours: "count",
  pair_is_new: "count",
  pair_count: "count",
  pair_seconds_since_last: "seconds",
  label_count: "count",
  fraud_count: "count",
  fraud_rate: "share",
  fraud_risk: "share",
  days_since_first_fraud: "days",
  days_since_last_genuine: "days",
  days_since_run_began: "days",
  run_count: "count",
  update_count: "count",
  update_sum: "amount",
  declined_share: "share",
};

/** Measures of the profile columns. */
const MEASURES: Readonly<Record<Measure, { readonly unit: Unit; readonly topic: string }>> = {
  number: { unit: "count", topic: "frequency" },
  amount: { unit: "amount", topic: "spending" },
  share: { unit: "share", topic: "frauds" },
  days_since: { unit: "days", topic: "age" },
  distance: { unit: "kilometres", topic: "place" },
};

/** The format of a feature's value; undefined for text. */
function unitOf(feature: Feature): Unit | undefined {
  if (feature.kind === "category") return undefined;
  return feature.kind === "profile" ? MEASURES[feature.measure].unit : UNITS[feature.kind];
}

function topicOf(feature: Feature): string {
  if (feature.kind === "category") return feature.field;
  return feature.kind === "profile" ? MEASURES[feature.measure].topic : TOPICS[feature.kind];
}

const TOPICS: Readonly<Record<MeasuredKind, string>> = {
  amount: "amount",
  hour_of_day: "time of day",
  is_night: "time of day",
  day_of_week: "day of week",
  is_weekend: "day of week",
  count: "frequency",
  sum: "spending",
  mean: "spending",
  max: "spending",
  std: "spending",
  z_score: "unusual amount",
  ratio_to_mean: "unusual amount",
  ratio_to_usual: "unusual amount",
  unusual_count: "earlier unusual amounts",
  unusual_max: "earlier unusual amounts",
  seconds_since_last: "last payment",
  distance_from_home: "place",
  distance_from_last: "place",
  distinct: "partners",
  neighbours: "neighbours",
  pair_is_new: "partner",
  pair_count: "partner",
  pair_seconds_since_last: "partner",
  label_count: "frauds",
  fraud_count: "frauds",
  fraud_rate: "frauds",
  fraud_risk: "frauds",
  days_since_first_fraud: "frauds",
  days_since_last_genuine: "frauds",
  days_since_run_began: "frauds",
  run_count: "frauds",
  update_count: "payment updates",
  update_sum: "payment updates",
  declined_share: "payment updates",
};

/** Kinds whose default means that there is no history, rather than being a measured value. */
const PAST_MEASURES: readonly Feature["kind"][] = [
  ...(["z_score", "ratio_to_mean", "ratio_to_usual", "seconds_since_last", "pair_seconds_since_last"] as const),
  ...(["distance_from_home", "distance_from_last"] as const),
  ...(["days_since_first_fraud", "days_since_last_genuine", "days_since_run_began", "profile"] as const),
  "category",
];

/** Kinds that are shown together with a card's usual amount. */
const COMPARED_AMOUNTS: readonly Feature["kind"][] = [
  ...(["amount", "max", "mean", "z_score", "ratio_to_mean", "ratio_to_usual"] as const),
];

const DAY_MS = 86_400_000;
/** A baseline must cover at least this many days. */
const USUAL_DAYS_MIN = 7;

/** The units in which features are formatted, by name. Categories have none. */
export function featureUnits(spec: FeatureSpec): ReadonlyMap<string, Unit> {
  return new Map(
    spec.features.flatMap((feature) => {
      const unit = unitOf(feature);
      return unit === undefined ? [] : [[feature.name, unit] as const];
    }),
  );
}

/** The text of a category in a payment; some texts cannot be determined from their code alone. */
export function categoryOf(
  { field }: CategoryFeature,
  code: number,
  transaction: Partial<Transaction> | undefined,
): string {
  return transaction?.[CATEGORY_FIELDS[field].key] || categoryText(field, code) || "(unknown)";
}

/** The wording of each feature, in the order of the spec; undefined if a sentence cannot be parsed. */
export function featureWords(spec: FeatureSpec): readonly (FeatureWords | undefined)[] {
  return spec.features.map((feature, index) => {
    const unit = unitOf(feature);
    const sentence = parseTemplate(feature.sentence, () => unit);
    if (sentence === undefined) return undefined;
    const without = parseTemplate(feature.sentence_without_past ?? "", () => unit);
    const usual = usualOf(spec, feature);
    const filter = feature.where === undefined ? "" : `, ${describeFilter(feature.where)}`;
    const topic = `${"entity" in feature ? feature.entity : "payment"} ${topicOf(feature)}${filter}`;
    const needed = fieldsOf(spec, feature);
    const describe = (payment: DescribedPayment): string | undefined => {
      const { transaction } = payment;
      const value = payment.values[index];
      if (value === undefined || (transaction !== undefined && needed.some((field) => !transaction[field])))
        return undefined;
      if (hasNoPast(feature, value)) {
        return feature.sentence_without_past === undefined ? undefined : said(without, value, payment);
      }
      // A sentence without the value, such as "It took place on a weekend.", applies only if the value is true.
      if (sentence.names.length === 0 && value === 0) return undefined;
      const text = said(sentence, shownValue(feature, value, payment), payment);
      const beside = usual?.(payment);
      return beside === undefined ? text : `${text?.replace(/\.$/, "")}; ${beside}.`;
    };
    return { name: feature.name, topic, describe };
  });
}

/**
 * The payment fields without which a feature has its default. `distinct` needs no partner, because it counts those of
 * earlier payments.
 */
function fieldsOf({ entities }: FeatureSpec, feature: Feature) {
  const partner = "of" in feature && feature.kind !== "distinct" ? [feature.of] : [];
  const names = [...("entity" in feature ? [feature.entity] : []), ...partner];
  return names.flatMap((name) => keyFields(entities[name]?.key ?? "").map((field) => ENTITY_KEYS[field]));
}

/** If the current payment does not pass the filter of a mean or maximum, the feature may cover no payment. */
function hasNoPast(feature: Feature, value: number): boolean {
  const ofFiltered = feature.where !== undefined && (feature.kind === "mean" || feature.kind === "max");
  return (ofFiltered || PAST_MEASURES.includes(feature.kind)) && value === feature.default;
}

function shownValue(feature: Feature, value: number, { transaction }: DescribedPayment): number | string {
  return feature.kind === "category" ? categoryOf(feature, value, transaction) : value;
}

function said(
  template: Template | undefined,
  value: number | string,
  { currency }: DescribedPayment,
): string | undefined {
  return template === undefined ? undefined : renderText(template, { value, currency });
}

type Usual = (payment: DescribedPayment) => string | undefined;

/** The baseline of the feature's entity, in the words of the spec. */
function usualOf(spec: FeatureSpec, feature: Feature): Usual | undefined {
  const [first = ""] = Object.keys(spec.entities);
  const entity = "entity" in feature ? feature.entity : first;
  const words = spec.entities[entity]?.usually;
  // Baselines cover all payments, so they do not apply to filtered features.
  if (words === undefined || feature.where !== undefined) return undefined;
  if (feature.kind === "count" || feature.kind === "seconds_since_last") {
    return usualRate(spec, entity, feature.kind === "count" ? widthOf(spec, feature) : 0, words.rate);
  }
  return COMPARED_AMOUNTS.includes(feature.kind) ? usualAmount(spec, entity, words.amount) : undefined;
}

interface CountWindow {
  readonly index: number;
  readonly width: number;
}

/**
 * How often the entity pays outside the feature's window, based on the longest window whose oldest part contains
 * payments.
 */
function usualRate(spec: FeatureSpec, entity: string, width: number, words: string | undefined): Usual | undefined {
  const windows = countWindows(spec, entity);
  const own = windows.find((window) => window.width === width);
  if (words === undefined || windows.every((window) => window.width <= width)) return undefined;
  return ({ values }) => {
    const countOf = ({ index }: CountWindow): number => values[index] ?? 0;
    const span = windows.find((window, at) => {
      const shorter = windows[at + 1];
      return shorter === undefined || shorter.width < USUAL_DAYS_MIN * DAY_MS || countOf(window) > countOf(shorter);
    });
    if (span === undefined || span.width <= width || span.width < USUAL_DAYS_MIN * DAY_MS) return undefined;
    const others = countOf(span) - (own === undefined ? 1 : countOf(own));
    if (others <= 0) return undefined;
    return words.replace("{value}", formatRate((others / (span.width - width)) * DAY_MS));
  };
}

/** The windows that count the entity's payments, longest first. */
function countWindows(spec: FeatureSpec, entity: string): readonly CountWindow[] {
  return spec.features
    .flatMap((feature, index) =>
      feature.kind === "count" && feature.entity === entity && feature.where === undefined
        ? [{ index, width: widthOf(spec, feature) }]
        : [],
    )
    .toSorted((left, right) => right.width - left.width);
}

/** The usual amount, for comparison with the payment's amount; there is none without an earlier payment. */
function usualAmount(spec: FeatureSpec, entity: string, words: string | undefined): Usual | undefined {
  const amountAt = spec.features.findIndex(({ kind }) => kind === "amount");
  const ratioAt = spec.features.findIndex(
    (one) => one.kind === "ratio_to_usual" && one.entity === entity && !one.where,
  );
  const ratio = spec.features[ratioAt];
  if (words === undefined || ratio === undefined) return undefined;
  return ({ values, currency }) => {
    const usual = (values[amountAt] ?? 0) / (values[ratioAt] ?? 0);
    if (values[ratioAt] === ratio.default || !Number.isFinite(usual) || usual <= 0) return undefined;
    return words.replace("{value}", formatValue(usual, "amount", currency));
  };
}

function widthOf(spec: FeatureSpec, feature: Extract<Feature, { window: string }>): number {
  return spec.windows[feature.window]?.width ?? 0;
}
