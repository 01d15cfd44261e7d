import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import type { PaymentFilter } from "@tripline/contracts/payment-filter";

/* Specs for tests. Their defaults cannot be mistaken for values. */

/** The parts of a feature that matter here; name, default and sentence are generated. */
export interface FeatureDraft {
  readonly kind: string;
  readonly entity?: string;
  readonly window?: string;
  readonly of?: string;
  readonly counts?: string;
  readonly explained_by?: string;
  readonly prior?: number;
  readonly weight?: number;
  readonly column?: string;
  readonly measure?: string;
  readonly where?: PaymentFilter;
  readonly field?: string;
  readonly default?: number;
}

export const FOUR_ENTITIES = {
  card: { key: "card_token" },
  terminal: { key: "terminal_id", optional: true },
  device: { key: "device_token", optional: true },
  ip: { key: "ip_token", optional: true },
};

const PARTNERS: Readonly<Record<string, string>> = { card: "terminal", terminal: "card", device: "card", ip: "card" };
const PAYMENT_KINDS = ["amount", "hour_of_day", "day_of_week", "is_weekend", "is_night"];
const AMOUNT_KINDS = ["count", "sum", "mean", "max", "std", "z_score", "ratio_to_mean"];
const LABEL_KINDS = ["label_count", "fraud_count", "fraud_rate", "fraud_risk"];
const RUN_KINDS = ["days_since_last_genuine", "days_since_run_began", "run_count"];
const UNUSUAL_KINDS = ["unusual_count", "unusual_max"];
const PAIR_KINDS = ["pair_is_new", "pair_count", "pair_seconds_since_last"];

/** A spec with the given features; each is named after its entity, kind and window. */
export function specOf(
  windows: Readonly<Record<string, { readonly width: string; readonly tile: string }>>,
  drafts: readonly FeatureDraft[],
  entities: object = FOUR_ENTITIES,
): FeatureSpec {
  const features = drafts.map((draft) => ({
    name: [
      ...[draft.entity ?? "payment", draft.kind, draft.counts, draft.window, draft.column, draft.field],
      draft.where && filterName(draft.where),
    ]
      .filter((part) => part !== undefined)
      .join("_"),
    default: -7,
    sentence: "It is {value}.",
    ...draft,
  }));
  const profiled = new Set(drafts.flatMap(({ kind, entity }) => (kind === "profile" ? [entity] : [])));
  const profiles = Object.fromEntries(Array.from(profiled, (entity) => [entity, { max_age: "90d" }]));
  return parseFeatureSpec(JSON.stringify({ version: 7, windows, entities, profiles, features }));
}

/** Filters on different fields have different names. */
function filterName(where: PaymentFilter): string {
  return Object.keys(where).sort().join("_and_");
}

/** Every kind for every entity that supports it, over four windows, two of which share their tiles. */
export const wideSpec = specOf(
  {
    "5m": { width: "5m", tile: "1m" },
    "2h": { width: "2h", tile: "1h" },
    "1d": { width: "1d", tile: "1h" },
    "3d": { width: "3d", tile: "12h" },
  },
  [
    ...PAYMENT_KINDS.map((kind) => ({ kind })),
    ...Object.keys(FOUR_ENTITIES).flatMap((entity) => everyKindOf(entity, ["5m", "2h", "1d", "3d"])),
    { kind: "profile", entity: "terminal", column: "terminal_payments_total", measure: "number" },
    { kind: "profile", entity: "terminal", column: "terminal_fraud_rate_total", measure: "share" },
    { kind: "profile", entity: "card", column: "card_amount_mean_total", measure: "amount" },
    { kind: "profile", entity: "card", column: "card_home", measure: "distance" },
    { kind: "profile", entity: "card", column: "card_first_paid_ms", measure: "days_since" },
  ],
);

/** Entities that keep no tiles, or no payments, or no labels. */
export const sparseSpec = specOf({ "6h": { width: "6h", tile: "6h" }, "2d": { width: "2d", tile: "1d" } }, [
  { kind: "distinct", entity: "card", of: "terminal", window: "6h" },
  { kind: "distinct", entity: "card", of: "terminal", window: "2d" },
  { kind: "seconds_since_last", entity: "card" },
  { kind: "distance_from_home", entity: "card" },
  { kind: "distance_from_last", entity: "card" },
  { kind: "days_since_first_fraud", entity: "card" },
  { kind: "fraud_count", entity: "terminal", window: "6h" },
  { kind: "unusual_max", entity: "terminal", window: "2d" },
  { kind: "days_since_run_began", entity: "terminal", explained_by: "card" },
  { kind: "pair_count", entity: "device", of: "card" },
  { kind: "max", entity: "ip", window: "6h" },
  { kind: "std", entity: "ip", window: "2d" },
]);

const ABROAD = { merchant_country: { not: ["BE"] } };
const NEAR_AND_LARGE = { amount: { from: 9_999.95 }, merchant_country: ["BE", "NL"] };
const SMALL = { amount: { below: 9_999.95, from: 0.01 } };
const IN_YEN = { currency: ["JPY"], card_country: ["BE"] };

/** Every kind of feature with two filters, and unfiltered features over more, fewer or none of the windows. */
export const filteredSpec = specOf(
  {
    "5m": { width: "5m", tile: "1m" },
    "2h": { width: "2h", tile: "1h" },
    "1d": { width: "1d", tile: "1h" },
    "3d": { width: "3d", tile: "12h" },
  },
  [
    { kind: "count", entity: "card", window: "1d" },
    { kind: "distinct", entity: "card", of: "terminal", window: "5m" },
    ...filteredKindsOf("card", ["5m", "2h", "3d"], ABROAD),
    ...filteredKindsOf("card", ["1d"], NEAR_AND_LARGE),
    ...everyKindOf("terminal", ["5m", "2h", "1d", "3d"]),
    ...filteredKindsOf("terminal", ["2h"], SMALL),
    ...filteredKindsOf("device", ["2h", "1d"], IN_YEN),
    { kind: "count", entity: "ip", window: "2h", where: ABROAD },
    { kind: "count", entity: "ip", window: "3d", where: { terminal_id: ["t0"] } },
    { kind: "seconds_since_last", entity: "ip", where: SMALL },
    { kind: "category", field: "card_country", default: 0 },
    { kind: "category", field: "currency", default: 0 },
  ],
);

const REFUNDS = { kind: ["refunded"], amount: { from: 5_000 } };

/** Features over payment updates, together with other features. */
export const updateSpec = specOf(
  {
    "2h": { width: "2h", tile: "1h" },
    "1d": { width: "1d", tile: "1h" },
    "3d": { width: "3d", tile: "12h" },
  },
  [
    { kind: "count", entity: "card", window: "1d" },
    { kind: "fraud_rate", entity: "card", window: "3d" },
    { kind: "count", entity: "terminal", window: "1d", where: { merchant_country: ["BE"] } },
    ...["2h", "1d", "3d"].flatMap((window): FeatureDraft[] => [
      { kind: "update_count", entity: "card", window },
      { kind: "declined_share", entity: "card", window },
    ]),
    { kind: "update_sum", entity: "card", window: "1d", where: REFUNDS },
    { kind: "update_count", entity: "card", window: "3d", where: REFUNDS },
    { kind: "update_count", entity: "card", window: "2h", where: { kind: ["declined"], declined_by: ["tripline"] } },
    { kind: "update_count", entity: "card", window: "3d", where: { issuer_code: ["05", "51"] } },
    { kind: "declined_share", entity: "card", window: "1d", where: { declined_by: ["issuer", "tripline"] } },
    { kind: "declined_share", entity: "card", window: "3d", where: { issuer_code: { not: ["05"] } } },
    { kind: "update_count", entity: "terminal", window: "1d" },
    { kind: "update_sum", entity: "ip", window: "3d", where: REFUNDS },
    { kind: "declined_share", entity: "device", window: "2h" },
    { kind: "distinct", entity: "device", of: "card", window: "3d" },
  ],
);

/** Label and neighbour features of entities that labels name and of other entities, with payment updates. */
export const neighbourSpec = specOf({ "2h": { width: "2h", tile: "1h" }, "3d": { width: "3d", tile: "12h" } }, [
  { kind: "count", entity: "card", window: "2h" },
  { kind: "run_count", entity: "terminal", explained_by: "card" },
  { kind: "update_count", entity: "ip", window: "3d" },
  { kind: "neighbours", entity: "terminal", of: "card", window: "2h", counts: "fraud" },
  { kind: "distinct", entity: "terminal", of: "card", window: "2h", where: { merchant_country: ["BE"] } },
  { kind: "neighbours", entity: "card", of: "terminal", window: "3d", counts: "fraud" },
  { kind: "neighbours", entity: "device", of: "card", window: "3d", counts: "fraud" },
  { kind: "neighbours", entity: "device", of: "card", window: "2h", counts: "fraud" },
  { kind: "neighbours", entity: "device", of: "card", window: "3d", counts: "all" },
  { kind: "pair_count", entity: "device", of: "card" },
  { kind: "neighbours", entity: "ip", of: "card", window: "2h", counts: "all" },
  { kind: "days_since_first_fraud", entity: "device" },
  { kind: "fraud_rate", entity: "ip", window: "3d" },
  { kind: "run_count", entity: "ip", explained_by: "card" },
  { kind: "days_since_last_genuine", entity: "ip", explained_by: "card" },
]);

function filteredKindsOf(entity: string, windows: readonly string[], where: PaymentFilter): FeatureDraft[] {
  const ofLabels = [...LABEL_KINDS, ...RUN_KINDS, "days_since_first_fraud"];
  return everyKindOf(entity, windows).flatMap((draft) => (ofLabels.includes(draft.kind) ? [] : [{ ...draft, where }]));
}

function everyKindOf(entity: string, windows: readonly string[]): FeatureDraft[] {
  const of = PARTNERS[entity] ?? "";
  const required = of === "terminal" || entity === "terminal";
  const labels = required ? LABEL_KINDS : [];
  return [
    { kind: "seconds_since_last", entity },
    { kind: "distance_from_home", entity },
    { kind: "distance_from_last", entity },
    { kind: "ratio_to_usual", entity },
    ...(required ? [{ kind: "days_since_first_fraud", entity }] : []),
    ...(entity === "card" ? RUN_KINDS.map((kind) => ({ kind, entity })) : []),
    ...(entity === "terminal" ? RUN_KINDS.map((kind) => ({ kind, entity, explained_by: "card" })) : []),
    ...PAIR_KINDS.map((kind) => ({ kind, entity, of })),
    ...windows.flatMap((window) => [
      ...[...AMOUNT_KINDS, ...UNUSUAL_KINDS, ...labels].map((kind) => ({
        kind,
        entity,
        window,
        ...(kind === "fraud_risk" ? { prior: 0.125, weight: 3 } : {}),
      })),
      { kind: "distinct", entity, of, window },
    ]),
  ];
}
