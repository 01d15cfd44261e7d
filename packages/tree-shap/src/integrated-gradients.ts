import { ShapError } from "./shap-error.js";

/**
 * A model as a black box: writes one margin per row of `rows` (row-major, `rowCount` × features) to `into`. The margin has to
 * be smooth along the line between two rows, as that of a network is; trees are not.
 */
export type MarginOf = (rows: Float32Array, rowCount: number, into: Float64Array) => void | Promise<void>;

export interface IntegratedGradientsOptions {
  /** Points on the line from the baseline to the row at which gradients are taken. Default: 50; at most 10,000. */
  readonly steps?: number;
  /**
   * How far a feature is moved to either side for a gradient, as a share of the larger one of 1 and its distance from zero.
   * Default: 1e-3, which suits a model that computes in float32.
   */
  readonly relativeStep?: number;
  /**
   * How much of the difference between the two margins the attributions may miss, as a share of the larger one of 1 and that
   * difference. Default: 0.01.
   */
  readonly gapMax?: number;
}

const STEPS_MAX = 10_000;

/**
 * Integrated gradients (https://arxiv.org/abs/1703.01365, equation 1): how much each feature moves the margin on the straight
 * way from `baseline` to `row`. Gradients are central finite differences, since onnxruntime gives none, and the integral is the
 * midpoint rule. It asks the model for steps × 2 × (features that differ) + 2 rows.
 *
 * @param row the features to explain; NaN is refused, since nothing leads to it in a straight line
 * @param baseline what contributions are measured from, for instance the mean of training rows
 * @returns one contribution per feature; they add up to the margin of `row` minus that of `baseline`, within `gapMax`
 * @throws ShapError `invalid-request`; `incomplete` when they do not add up: more steps may help
 */
export async function integratedGradients(
  marginOf: MarginOf,
  row: Float32Array,
  baseline: Float32Array,
  options: IntegratedGradientsOptions = {},
): Promise<Float64Array> {
  const { steps = 50, relativeStep = 1e-3, gapMax = 0.01 } = options;
  checkRequest(row, baseline, steps, relativeStep);
  const contributions = new Float64Array(row.length);
  const moved = [...row.keys()].filter((feature) => row[feature] !== baseline[feature]);
  const width = row.length;
  const points = new Float32Array(2 * moved.length * width);
  const margins = new Float64Array(2 * moved.length);
  for (let step = 0; step < steps && moved.length > 0; step += 1) {
    const way = (step + 0.5) / steps;
    const at = row.map((value, feature) => mix(baseline[feature] as number, value, way));
    for (const [index, feature] of moved.entries()) {
      const value = at[feature] as number;
      const distance = relativeStep * Math.max(1, Math.abs(value));
      for (const side of [0, 1]) {
        const start = (2 * index + side) * width;
        points.set(at, start);
        points[start + feature] = side === 0 ? value - distance : value + distance;
      }
    }
    await marginOf(points, 2 * moved.length, margins);
    for (const [index, feature] of moved.entries()) {
      // What was asked is what float32 made of it, so the gradient is over the distance between those two.
      const low = points[2 * index * width + feature] as number;
      const high = points[(2 * index + 1) * width + feature] as number;
      const gradient = ((margins[2 * index + 1] as number) - (margins[2 * index] as number)) / (high - low);
      const distance = (row[feature] as number) - (baseline[feature] as number);
      contributions[feature] = (contributions[feature] as number) + (gradient * distance) / steps;
    }
  }
  await checkCompleteness(marginOf, row, baseline, contributions, gapMax);
  return contributions;
}

function mix(from: number, to: number, way: number): number {
  return from + (to - from) * way;
}

function checkRequest(row: Float32Array, baseline: Float32Array, steps: number, relativeStep: number): void {
  if (row.length !== baseline.length) {
    throw new ShapError(
      "invalid-request",
      `row has ${row.length} features and baseline ${baseline.length}: both must be rows of the same model.`,
    );
  }
  const missing = row.findIndex((value, feature) => !Number.isFinite(value) || !Number.isFinite(baseline[feature]));
  if (missing !== -1) {
    throw new ShapError(
      "invalid-request",
      `Feature ${missing} of row or baseline is not finite: give a number for it.`,
    );
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > STEPS_MAX) {
    throw new ShapError("invalid-request", `steps is ${steps} and must be a whole number from 1 to ${STEPS_MAX}.`);
  }
  if (!(relativeStep > 0 && relativeStep < 1)) {
    throw new ShapError("invalid-request", `relativeStep is ${relativeStep} and must lie between 0 and 1.`);
  }
}

/** Contributions have to add up to the difference of the margins (the paper's axiom of completeness). */
async function checkCompleteness(
  marginOf: MarginOf,
  row: Float32Array,
  baseline: Float32Array,
  contributions: Float64Array,
  gapMax: number,
): Promise<void> {
  const ends = new Float32Array(2 * row.length);
  ends.set(baseline, 0);
  ends.set(row, row.length);
  const margins = new Float64Array(2);
  await marginOf(ends, 2, margins);
  const difference = (margins[1] as number) - (margins[0] as number);
  const sum = contributions.reduce((total, one) => total + one, 0);
  if (!(Math.abs(sum - difference) <= gapMax * Math.max(1, Math.abs(difference)))) {
    throw new ShapError(
      "incomplete",
      `The contributions add up to ${sum} and the margins differ by ${difference}: take more steps, or a smooth model.`,
    );
  }
}
