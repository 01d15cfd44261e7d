/** Whole numbers in the order of the floats: a float is above another one exactly when its key is. */

/** Below and above the keys of all floats, infinite ones included. */
export const BELOW_ALL = -(2 ** 31);
export const ABOVE_ALL = 2 ** 31 - 1;

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** Floats of one sign are ordered as their bits are, negative ones the other way round. Both zeros have one key. */
export function floatKey(value: number): number {
  floats[0] = value + 0;
  const own = bits[0] as number;
  return own ^ ((own >> 31) & ABOVE_ALL);
}

/**
 * The key of a split's threshold. NaN stands for one that no float is at most, as in tree-shap: it comes right below the
 * floats, and above a missing value that is to go left.
 */
export function thresholdKey(threshold: number): number {
  return Number.isNaN(threshold) ? floatKey(Number.NEGATIVE_INFINITY) - 1 : floatKey(threshold);
}
