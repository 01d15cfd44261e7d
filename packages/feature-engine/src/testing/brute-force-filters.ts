import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isListed } from "@tripline/contracts/payment-filter";
import { categoryCode } from "@tripline/contracts/text/category-code";

/* The oracle for filters (`where`). It uses no code of the engine. */

/** The fields of a payment that filters read. The amount is in major units. */
export type OracleFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The code of a payment's text for a feature of kind `category`. */
export function codeOf(field: string, fields: OracleFields): number {
  return categoryCode(String(fields[field] ?? ""));
}

export function isIncluded(where: Feature["where"], fields: OracleFields): boolean {
  return Object.entries(where ?? {}).every(([field, condition]) => {
    const value = fields[field];
    if (isListed(condition)) return condition.some((one) => one === value);
    if ("not" in condition) return condition.not.every((one) => one !== value);
    if (typeof value !== "number") return false;
    const { from, below } = condition;
    return (from === undefined || value >= from) && (below === undefined || value < below);
  });
}

const restricted = new WeakMap<FeatureSpec, Map<unknown, FeatureSpec>>();
const whole = new WeakMap<FeatureSpec, FeatureSpec>();

/** The spec reduced to the features with this filter: only their windows determine what is kept. */
export function withFilter(spec: FeatureSpec, where: Feature["where"]): FeatureSpec {
  return restrict(spec, where, ({ where: other }) => JSON.stringify(other ?? null), JSON.stringify(where ?? null));
}

/** Like `withFilter`, but for features that count the same payment updates. */
export function withSelection(spec: FeatureSpec, feature: Feature): FeatureSpec {
  return restrict(spec, feature, selectionOf, selectionOf(feature));
}

function selectionOf({ kind, where }: Feature): string {
  return JSON.stringify([kind === "declined_share", where ?? null]);
}

/** @param by key of the cached result */
function restrict(spec: FeatureSpec, by: unknown, keyOf: (feature: Feature) => string, key: string): FeatureSpec {
  const known = restricted.get(spec) ?? new Map<unknown, FeatureSpec>();
  restricted.set(spec, known);
  const found = known.get(by);
  if (found !== undefined) return found;
  const own = { ...spec, features: spec.features.filter((feature) => keyOf(feature) === key) };
  known.set(by, own);
  whole.set(own, spec);
  return own;
}

/**
 * Whether a feature of this kind counts an update. Tripline's declines count only if the filter names `declined_by`.
 */
export function isSelectedUpdate(kind: string, where: Feature["where"] = {}, fields: OracleFields): boolean {
  const isDeclined = fields.kind === "declined";
  if (kind === "declined_share" && !isDeclined && fields.kind !== "authorised") return false;
  const { declined_by: by = { not: ["tripline"] }, ...others } = where;
  return isIncluded(others, fields) && (!isDeclined || isIncluded({ declined_by: by }, fields));
}

/** The original of a spec that was reduced. */
export function wholeOf(spec: FeatureSpec): FeatureSpec {
  return whole.get(spec) ?? spec;
}
