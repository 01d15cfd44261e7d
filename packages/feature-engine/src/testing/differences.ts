import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { OracleResult } from "./brute-force.js";

/*
 * How far the engine may be from the oracle. All features are made of whole numbers by the same last operation and
 * have to be the same double, but for five kinds:
 *
 * - std and z_score: the engine takes the mean of squares, the oracle the squares of distances from the mean. Amounts
 *   of the streams are below 10^6 steps of their currency, and where all are of one currency and not all alike, the
 *   deviation is above 1/7 of a step; in two currencies it is larger still. So the mean's rounding, 2^-53 of at most
 *   7 × 10^6 deviations, is 10^-9 of a deviation.
 * - distance_from_last: the engine rounds the last place to a metre.
 * - the distance from a profile's place: the oracle turns that into a vector first.
 * - distance_from_home: the engine rounds the parts of each vector by at most 5 × 10^-8, the oracle does not. The mean
 *   vector of the streams' places is 0 or longer than 1/100, which turns home by 10^-5, 60 m on the ground.
 */
const RELATIVE_TOLERANCE = 1e-8;
const DISTANCE_TOLERANCE_KM = 0.1;

/** What differs between two answers to one event, one sentence each. */
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
