/**
 * Float32 values as doubles, which also order missing values, so that a split needs only one comparison. Each row is
 * written twice: once with missing values below every threshold, for splits at which they go left, and once with
 * missing values above every threshold.
 */

/** Infinite values; all other values are in between. */
const INFINITE = 1e299;
/** Thresholds above, or below, every present value. */
const BEYOND = 1e300;

/** A threshold as a double. NaN becomes a value below all others, because no value is at or below NaN. */
export function comparableThreshold(threshold: number): number {
  if (Number.isNaN(threshold)) return -BEYOND;
  if (threshold === Number.POSITIVE_INFINITY) return BEYOND;
  return threshold === Number.NEGATIVE_INFINITY ? -INFINITE : threshold;
}

/** The column of a split's feature in the output of `writeComparable`. */
export function comparableColumn(feature: number, features: number, isNanLeft: boolean): number {
  return isNanLeft ? feature : features + feature;
}

/**
 * Writes rows of `features` values as twice as many columns, one after another, each of length `rowCount`.
 *
 * @param rows row-major, starting at index `start`
 */
export function writeComparable(
  rows: Float32Array,
  start: number,
  rowCount: number,
  features: number,
  into: Float64Array,
): void {
  for (let row = 0; row < rowCount; row += 1) {
    for (let feature = 0; feature < features; feature += 1) {
      const value = rows[start + row * features + feature] as number;
      const isMissing = Number.isNaN(value);
      const finite = Math.max(-INFINITE, Math.min(INFINITE, value));
      into[feature * rowCount + row] = isMissing ? Number.NEGATIVE_INFINITY : finite;
      into[(features + feature) * rowCount + row] = isMissing ? Number.POSITIVE_INFINITY : finite;
    }
  }
}
