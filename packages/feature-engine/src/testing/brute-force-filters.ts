import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isListed } from "@tripline/contracts/payment-filter";

/* The oracle for filters (`where`). It uses no code of the engine. */

/** The fields of a payment that filters read. The amount is in major units. */
export type OracleFields = Readonly<Record<string, string | number | boolean | undefined>>;

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

const restricted = new WeakMap<FeatureSpec, Map<Feature["where"], FeatureSpec>>();
const whole = new WeakMap<FeatureSpec, FeatureSpec>();

/** The spec reduced to the features with this filter: only their windows determine what is kept. */
export function withFilter(spec: FeatureSpec, where: Feature["where"]): FeatureSpec {
  const known = restricted.get(spec) ?? new Map<Feature["where"], FeatureSpec>();
  restricted.set(spec, known);
  const found = known.get(where);
  if (found !== undefined) return found;
  const key = JSON.stringify(where ?? null);
  const own = { ...spec, features: spec.features.filter((feature) => JSON.stringify(feature.where ?? null) === key) };
  known.set(where, own);
  whole.set(own, spec);
  return own;
}

/** The original of a spec that `withFilter` reduced. */
export function wholeOf(spec: FeatureSpec): FeatureSpec {
  return whole.get(spec) ?? spec;
}
