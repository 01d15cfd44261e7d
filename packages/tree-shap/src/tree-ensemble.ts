/**
 * The trees that add up to one output, in one set of arrays. Node i is a split if `feature[i]` is not LEAF. A row goes
 * left at a split if its value is at most `threshold[i]`, or if it is NaN and `nanLeft[i]` is 1; otherwise it goes
 * right.
 */
export interface TreeEnsemble {
  /** Columns of a row. */
  readonly features: number;
  /** The value that is added to the sum of the leaves to give the margin. */
  readonly baseValue: number;
  /** Number of each tree's root node. A child has a higher number than its parent. */
  readonly roots: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly nanLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The shares of a split's training data that went left and right, 0 to 1. */
  readonly leftShare: Float64Array;
  readonly rightShare: Float64Array;
  /** A leaf's contribution to the margin. */
  readonly value: Float64Array;
}

/** The feature of a leaf node. */
export const LEAF = -1;

/** The largest float32 below `value`, or NaN if there is none, because nothing is at or below NaN. */
export function previousFloat32(value: number): number {
  if (value === Number.NEGATIVE_INFINITY) return Number.NaN;
  const floats = new Float32Array([value]);
  const bits = new Int32Array(floats.buffer);
  // Positive floats have the order of their bits; below both zeros is the smallest negative number.
  if (value === 0) bits[0] = 0x80000001 | 0;
  else bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1);
  return floats[0] as number;
}
