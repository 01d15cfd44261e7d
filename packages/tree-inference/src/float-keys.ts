/** Integer keys in the order of the floats: a float is greater than another if and only if its key is. */

/** Below and above the keys of all floats, including infinities. */
export const BELOW_ALL = -(2 ** 31);
export const ABOVE_ALL = 2 ** 31 - 1;

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** Positive floats have the order of their bits, negative ones the reverse. Both zeros have the same key. */
export function floatKey(value: number): number {
  floats[0] = value + 0;
  const own = bits[0] as number;
  return own ^ ((own >> 31) & ABOVE_ALL);
}

/**
 * The key of a split's threshold. NaN means that no float is at or below the threshold, as in tree-shap; its key is
 * just below those of all floats, and above that of a missing value that goes left.
 */
export function thresholdKey(threshold: number): number {
  return Number.isNaN(threshold) ? floatKey(Number.NEGATIVE_INFINITY) - 1 : floatKey(threshold);
}
