import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { OracleResult } from "./brute-force.js";

/*
 * The maximum difference between engine and oracle. All features apply the same last operation to integers and must be
 * the same double, except for five kinds:
 *
 * - std and z_score: the engine uses the mean of squares, the oracle the squared distances from the mean. Amounts in
 *   the streams are below 10^6 steps of their currency. If all have one currency and are not all equal, the deviation
 *   is above 1/7 of a step; with two currencies it is even larger. So the rounding of the mean, 2^-53 of at most 7 ×
 *   10^6 deviations, is 10^-9 of a deviation.
 * - distance_from_last: the engine rounds the last location to a metre.
 * - the distance from a profile's location: the oracle first converts it to a vector.
 * - distance_from_home: the engine rounds the components of each vector by at most 5 × 10^-8, the oracle does not. The
 *   mean vector of the streams' locations is 0 or longer than 1/100, which rotates home by 10^-5, 60 m on the ground.
 */
const RELATIVE_TOLERANCE = 1e-8;
const DISTANCE_TOLERANCE_KM = 0.1;

/** The differences between two results for one event, one sentence each. */
export function differencesOf(spec: FeatureSpec, actual: OracleResult, expected: OracleResult): string[] {
  if (actual === "duplicate" || expected === "duplicate") {
    return actual === expected ? [] : [`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`];
  }
  const differences: string[] = [];
  if (actual.tooLate !== expected.tooLate) differences.push(`too late: ${actual.tooLate}, not ${expected.tooLate}`);
  if (actual.values?.length !== expected.values?.length) differences.push("another number of values");
  for (const [index, feature] of (actual.values === undefined ? [] : spec.features).entries()) {
    const { name } = feature;
    const kind = feature.kind === "profile" && feature.measure === "distance" ? "distance_from_last" : feature.kind;
    const value = actual.values?.[index] ?? Number.NaN;
    const right = expected.values?.[index] ?? Number.NaN;
    if (!isClose(kind, value, right)) differences.push(`${name} is ${value}, not ${right}`);
  }
  return differences;
}

function isClose(kind: string, value: number, right: number): boolean {
  if (kind === "distance_from_home" || kind === "distance_from_last")
    return Math.abs(value - right) <= DISTANCE_TOLERANCE_KM;
  if (kind === "std") return Math.abs(value - right) <= RELATIVE_TOLERANCE * Math.abs(right);
  if (kind === "z_score") return Math.abs(value - right) <= RELATIVE_TOLERANCE * Math.max(1, Math.abs(right));
  return Object.is(value, right);
}
