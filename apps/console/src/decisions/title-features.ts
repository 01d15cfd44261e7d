import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { describeFilter } from "@tripline/contracts/payment-filter";

/** Titles of features by kind. `{entity}` is the entity, `{window}` the time window, `{of}` the partner. */
const TITLES: Readonly<Record<string, string>> = {
  amount: "Amount",
  hour_of_day: "Hour of day",
  day_of_week: "Day of the week",
  is_weekend: "On a weekend",
  is_night: "At night",
  count: "Payments of this {entity}, {window}",
  sum: "Amount paid by this {entity}, {window}",
  mean: "Mean amount of this {entity}, {window}",
  max: "Largest amount of this {entity}, {window}",
  std: "Spread of this {entity}'s amounts, {window}",
  z_score: "Distance from this {entity}'s mean, {window}",
  ratio_to_mean: "Times this {entity}'s mean, {window}",
  seconds_since_last: "Time since this {entity}'s last payment",
  distance_from_last: "Distance from this {entity}'s last payment, km",
  distance_from_home: "Distance from where this {entity} usually pays, km",
  ratio_to_usual: "Times this {entity}'s usual amount",
  unusual_count: "Unusual amounts of this {entity}, {window}",
  unusual_max: "Most unusual amount of this {entity}, times the usual, {window}",
  distinct: "Different {of}s of this {entity}, {window}",
  neighbours: "Other {of}s of this {entity}, {window}",
  pair_is_new: "First payment of this {entity} with this {of}",
  pair_count: "Payments of this {entity} with this {of}",
  pair_seconds_since_last: "Time since this {entity} last used this {of}",
  label_count: "Labelled payments of this {entity}, {window}",
  fraud_count: "Confirmed frauds of this {entity}, {window}",
  fraud_rate: "Share of frauds of this {entity}, {window}",
  fraud_risk: "Smoothed fraud rate of this {entity}, {window}",
  days_since_first_fraud: "Time since this {entity}'s first fraud",
  days_since_last_genuine: "Time since this {entity}'s last genuine payment",
  days_since_run_began: "Time since this {entity}'s run of frauds began",
  run_count: "Frauds in this {entity}'s run",
  update_count: "Payment updates of this {entity}, {window}",
  update_sum: "Amount of payment updates of this {entity}, {window}",
  declined_share: "Share of declined payments of this {entity}, {window}",
};

const ENTITIES: Readonly<Record<string, string>> = {
  ip: "address",
  email: "e-mail address",
  card_country: "card in this country",
  terminal_bin: "issuer at this terminal",
};

/** A unique title for each feature of the spec, by name. */
export function titleFeatures(spec: FeatureSpec): ReadonlyMap<string, string> {
  const titles = spec.features.map((feature) => {
    const fields = feature as { readonly [field: string]: unknown };
    const word = (field: string): string => {
      const name = String(fields[field] ?? "");
      return ENTITIES[name] ?? name;
    };
    const kindTitle = feature.kind === "category" ? nameAsTitle(feature.field, "") : TITLES[feature.kind];
    const template = kindTitle ?? nameAsTitle(feature.name, word("measure"));
    const title = template
      .replaceAll("{entity}", word("entity"))
      .replaceAll("{window}", windowWords(word("window")))
      .replaceAll("{of}", word("of"));
    const filter = feature.where === undefined ? "" : `, ${describeFilter(feature.where)}`;
    return { name: feature.name, title: `${title}${filter}` };
  });
  const counts = Map.groupBy(titles, ({ title }) => title);
  return new Map(
    titles.map(({ name, title }) => [name, counts.get(title)?.length === 1 ? title : `${title} (${name})`]),
  );
}

/** The title of a profile column, which has only a name. */
function nameAsTitle(name: string, measure: string): string {
  const words = name.replaceAll("_", " ");
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}${measure === "distance" ? ", km" : ""}`;
}

const UNITS: Readonly<Record<string, string>> = { m: "minute", h: "hour", d: "day" };

/** Formats `5m` as `5 minutes`. */
function windowWords(window: string): string {
  const [, count = "", unit = ""] = /^(\d+)([mhd])$/.exec(window) ?? [];
  const word = UNITS[unit];
  return word === undefined ? window : `${count} ${word}${count === "1" ? "" : "s"}`;
}
