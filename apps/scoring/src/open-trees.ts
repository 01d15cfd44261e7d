import { ScorerError } from "@tripline/tree-inference/scorer-error";
import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import { planScorer, TreeScorer } from "@tripline/tree-inference/tree-scorer";
import type { OpenedModel } from "./open-model.js";
import type { WorkerLoad } from "./worker-messages.js";

/** How far a score may be from onnxruntime's for the same row. */
const DIFFERENCE_MAX = 1e-6;
/** Rows of the model's own thresholds, floats beside them and missing values that are compared, besides the golden batch. */
const EDGE_ROWS = 256;

/**
 * Makes a model of trees ready, if it is one, and compares its scores with onnxruntime's: a model for which they differ is
 * not run here.
 *
 * @returns the reason where it is not run here
 */
export async function openTrees(
  load: WorkerLoad,
  ask: OpenedModel["run"],
): Promise<{ run: OpenedModel["run"]; plan: ScorerPlan } | { reason: string }> {
  try {
    const { plan, edgeRows } = planScorer(load.modelBytes, { input: load.inputName, output: load.outputName });
    const scorer = new TreeScorer(plan);
    const run: OpenedModel["run"] = async (features, rows) => {
      const outputs = new Float32Array(rows);
      scorer.score(features, rows, outputs);
      return { outputs, shape: [rows, 1] };
    };
    const rows = new Float32Array([...edgeRows(EDGE_ROWS), ...load.golden]);
    const difference = await compare(run, ask, rows, load.width);
    return difference === undefined ? { run, plan } : { reason: difference };
  } catch (error) {
    if (error instanceof ScorerError) return { reason: error.message };
    throw error;
  }
}

/** What is different, if anything is. */
async function compare(
  own: OpenedModel["run"],
  other: OpenedModel["run"],
  features: Float32Array<ArrayBuffer>,
  width: number,
): Promise<string | undefined> {
  const rows = features.length / width;
  const [given, wanted] = [await own(features, rows), await other(features, rows)];
  if (wanted.shape.length !== 2 || wanted.shape[1] !== 1) return `onnxruntime gives the shape [${wanted.shape}]`;
  const odd = given.outputs.findIndex((value, row) => !isSame(value, wanted.outputs[row] ?? 0));
  if (odd === -1) return undefined;
  return `for a row onnxruntime gives ${wanted.outputs[odd]}, and it ${given.outputs[odd]}`;
}

/** Two NaN count as the same: what may not be given is for the golden batch to say. */
function isSame(one: number, other: number): boolean {
  return Math.abs(one - other) <= DIFFERENCE_MAX || (Number.isNaN(one) && Number.isNaN(other));
}
