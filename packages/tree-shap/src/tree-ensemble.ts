/**
 * The trees that add up to one output, all in one set of arrays. Node i is a split when `feature[i]` is not LEAF. A row
 * goes left at a split when its value is at most `threshold[i]`, or when it is NaN and `nanLeft[i]` is 1; otherwise it
 * goes right.
 */
export interface TreeEnsemble {
  /** Columns of a row. */
  readonly features: number;
  /** What is added to the sum of the leaves: together they are the margin. */
  readonly baseValue: number;
  /** Number of the node at which each tree begins. A child has a higher number than its parent. */
  readonly roots: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly nanLeft: Uint8Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The share of a split's training data that went left, and the share that went right; 0 to 1. */
  readonly leftShare: Float64Array;
  readonly rightShare: Float64Array;
  /** What a leaf adds to the margin. */
  readonly value: Float64Array;
}

/** The feature of a node that does not split. */
export const LEAF = -1;

/** The largest float32 below `value`, or NaN, to which nothing is equal and below which nothing is, where there is none. */
export function previousFloat32(value: number): number {
  if (value === Number.NEGATIVE_INFINITY) return Number.NaN;
  const floats = new Float32Array([value]);
  const bits = new Int32Array(floats.buffer);
  // Floats of one sign are ordered as their bits are; both zeros are followed by the smallest negative number.
  if (value === 0) bits[0] = 0x80000001 | 0;
  else bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1);
  return floats[0] as number;
}
