import { writeComparable } from "./comparable-values.js";
import type { Scratch } from "./explain-tree.js";
import { CHUNK_ROWS, explainTree, newScratch } from "./explain-tree.js";
import { findEnsemble } from "./find-ensemble.js";
import type { TreePlan } from "./plan-trees.js";
import { planTrees } from "./plan-trees.js";
import { CategoryEncoder } from "./read-categories.js";
import { readEnsemble } from "./read-ensemble.js";
import { readOnnx } from "./read-onnx.js";
import { ShapError } from "./shap-error.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { LEAF } from "./tree-ensemble.js";

export interface TreeExplainerOptions {
  /** Required name of the model's input. Default: any. */
  readonly input?: string;
  /** Number of the class or target to explain, from 0. Default: the only one. */
  readonly output?: number;
  /** Maximum number of bytes for precomputed tables. Trees without a table are slower. Default: 64 MiB. */
  readonly tableBytesMax?: number;
}

const TABLE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Exact path-dependent TreeSHAP of a tree ensemble: how much each feature moves a row's margin away from
 * `expectedValue`. The margin is the sum of the trees, before any sigmoid, softmax, exponential or calibration.
 */
export class TreeExplainer {
  private readonly scratch: Scratch;

  private constructor(
    /** Name of the model's input. */
    readonly input: string,
    /** Columns of a row. */
    readonly features: number,
    /** The average margin over the training data, according to the trees' covers. */
    readonly expectedValue: number,
    private readonly plan: TreePlan,
    private readonly encoder: CategoryEncoder,
  ) {
    this.scratch = newScratch(plan);
  }

  /**
   * Parses a model and prepares its tables, which takes up to a second for hundreds of trees.
   *
   * @param bytes content of an .onnx file with a float32 input [rows, features] for one TreeEnsembleClassifier or
   *   TreeEnsembleRegressor with node covers in `nodes_hitrates`
   * @throws ShapError `malformed-model`, `unsupported-model`, `no-covers`, or `invalid-request` for invalid options
   */
  static fromOnnx(bytes: Uint8Array, options: TreeExplainerOptions = {}): TreeExplainer {
    const found = findEnsemble(readOnnx(bytes), options.input);
    const ensemble = readEnsemble(found, options.output);
    const plan = planTrees(ensemble, options.tableBytesMax ?? TABLE_BYTES_MAX);
    const encoder = new CategoryEncoder(found.categories, found.width);
    return new TreeExplainer(found.input.name, found.width, expectedValueOf(ensemble), plan, encoder);
  }

  /**
   * The contributions of each feature to each row's margin; with `expectedValue` they add up to the margin.
   *
   * @param rows row-major, `rowCount` × `features` float32 values in the model's format; NaN is a missing value
   * @param into receives one contribution per value of `rows`, in the same order; previous content is overwritten
   * @throws ShapError `invalid-request` if an array is too short
   */
  explain(rows: Float32Array, rowCount: number, into: Float32Array): void {
    const { features, plan, scratch, encoder } = this;
    const { values, sums } = scratch;
    const length = rowCount * features;
    if (!Number.isInteger(rowCount) || rowCount < 0 || rows.length < length || into.length < length) {
      throw new ShapError(
        "invalid-request",
        `With rowCount ${rowCount} and ${features} features, rows and into must have ${length} values; they have ${rows.length} and ${into.length}.`,
      );
    }
    for (let first = 0; first < rowCount; first += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rowCount - first);
      const chunk = rows.subarray(first * features, (first + count) * features);
      writeComparable(encoder.encoded(chunk), 0, count, features, values);
      sums.fill(0, 0, count * features);
      for (let tree = 0; tree < plan.trees; tree += 1) explainTree(plan, scratch, tree, count);
      for (let row = 0; row < count; row += 1) {
        const start = (first + row) * features;
        for (let feature = 0; feature < features; feature += 1) {
          into[start + feature] = sums[feature * count + row] as number;
        }
      }
    }
  }
}

/** The base value plus each leaf's value weighted by the share of the training data that reached the leaf. */
function expectedValueOf({
  baseValue,
  feature,
  left,
  right,
  leftShare,
  rightShare,
  roots,
  value,
}: TreeEnsemble): number {
  const reached = new Float64Array(feature.length);
  for (const root of roots) reached[root] = 1;
  let expected = baseValue;
  for (let node = 0; node < feature.length; node += 1) {
    const share = reached[node] as number;
    if (feature[node] === LEAF) {
      expected += share * (value[node] as number);
    } else {
      reached[left[node] as number] = share * (leftShare[node] as number);
      reached[right[node] as number] = share * (rightShare[node] as number);
    }
  }
  return expected;
}
