import type { OnnxNode } from "./read-onnx.js";
import { ShapError } from "./shap-error.js";

/** A leaf's contribution to an output. */
export interface LeafWeight {
  readonly treeId: number;
  readonly nodeId: number;
  readonly weight: number;
}

/** One output of an ensemble, before `post_transform`: baseValue + scale × the sum of the reached leaves' weights. */
export interface ChosenOutput {
  readonly baseValue: number;
  readonly scale: number;
  readonly weights: readonly LeafWeight[];
}

/**
 * The weights and the base value of one output.
 *
 * @param trees number of trees of the ensemble
 * @param output number of the class or target; optional if there is only one
 * @throws ShapError `malformed-model`, `unsupported-model`, `invalid-request` for a missing output
 */
export function chooseOutput(node: OnnxNode, trees: number, output: number | undefined): ChosenOutput {
  const isClassifier = node.opType === "TreeEnsembleClassifier";
  const kind = isClassifier ? "class" : "target";
  const ints = (name: string): readonly number[] => node.attributes.get(name)?.ints ?? [];
  const floats = (name: string): readonly number[] => node.attributes.get(name)?.floats ?? [];
  const ids = ints(`${kind}_ids`);
  const treeIds = ints(`${kind}_treeids`);
  const nodeIds = ints(`${kind}_nodeids`);
  const weights = floats(`${kind}_weights`);
  if ([treeIds, nodeIds, weights].some((column) => column.length !== ids.length)) {
    throw new ShapError(
      "malformed-model",
      `The model's ${kind}_* attributes have different lengths: export the model again.`,
    );
  }
  const outputs = isClassifier ? countClasses(node, ids) : (node.attributes.get("n_targets")?.int ?? 1);
  const chosen = output ?? 0;
  if (!Number.isInteger(chosen) || chosen < 0 || chosen >= outputs || (output === undefined && outputs > 1)) {
    const given = output === undefined ? "" : `, not ${output}`;
    throw new ShapError(
      "invalid-request",
      `The model has ${outputs} outputs: set output to the index of one, from 0${given}.`,
    );
  }
  return {
    baseValue: baseValueOf(floats("base_values"), chosen, outputs),
    scale: scaleOf(node, trees),
    weights: ids.flatMap((id, index) =>
      id === chosen ? [{ treeId: treeIds[index] ?? 0, nodeId: nodeIds[index] ?? 0, weight: weights[index] ?? 0 }] : [],
    ),
  };
}

/**
 * The number of a classifier's margins. With two labels and all weights on the first label, there is only one margin,
 * which is for the second label: XGBoost and LightGBM write binary models in this form, which onnxruntime expects.
 */
function countClasses(node: OnnxNode, ids: readonly number[]): number {
  const labels =
    (node.attributes.get("classlabels_int64s")?.ints.length ?? 0) +
    (node.attributes.get("classlabels_strings")?.strings.length ?? 0);
  const used = new Set(ids);
  if (labels <= 2 && used.size === 1) {
    if (used.has(0)) return 1;
    throw new ShapError("unsupported-model", "The model's class_ids must be 0, as in a two-class model.");
  }
  return labels;
}

function baseValueOf(baseValues: readonly number[], output: number, outputs: number): number {
  if (baseValues.length === 0) return 0;
  // A two-class model may contain its only base value twice.
  if (baseValues.length === outputs || (outputs === 1 && new Set(baseValues).size === 1))
    return baseValues[output] ?? 0;
  throw new ShapError("unsupported-model", `The model has ${baseValues.length} base_values for ${outputs} outputs.`);
}

function scaleOf(node: OnnxNode, trees: number): number {
  const aggregate = node.attributes.get("aggregate_function")?.string ?? "SUM";
  if (aggregate === "SUM") return 1;
  if (aggregate === "AVERAGE") return 1 / trees;
  throw new ShapError(
    "unsupported-model",
    `Trees aggregated by ${aggregate} cannot be explained; only SUM and AVERAGE are supported.`,
  );
}
