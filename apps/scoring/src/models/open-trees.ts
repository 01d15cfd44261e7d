import { EDGE_ROWS, proveScorer } from "@tripline/tree-inference/prove-scorer";
import { ScorerError } from "@tripline/tree-inference/scorer-error";
import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import { planScorer, TreeScorer } from "@tripline/tree-inference/tree-scorer";
import type { WorkerLoad } from "../inference/worker-messages.js";

/** Returns the scores of a batch, row by row, and their shape. */
export type RunModel = (
  features: Float32Array<ArrayBuffer>,
  rows: number,
) => Promise<{ outputs: Float32Array<ArrayBuffer>; shape: number[] }>;

/** The golden rows; for a tree model, also rows at and next to its thresholds, infinite and missing ones. Row-major. */
export function rowsToCompare({ modelBytes, inputName, outputName, golden }: WorkerLoad): Float32Array<ArrayBuffer> {
  try {
    const { edgeRows } = planScorer(modelBytes, { input: inputName, output: outputName });
    return Float32Array.from([...golden, ...edgeRows(EDGE_ROWS)]);
  } catch (error) {
    if (error instanceof ScorerError) return golden;
    throw error;
  }
}

/**
 * Prepares a tree model and compares its scores with those of onnxruntime. A model whose scores differ is not run here.
 *
 * @param ask returns the scores of onnxruntime
 * @returns the reason if it is not run here
 */
export async function openTrees(
  { modelBytes, inputName, outputName, golden }: WorkerLoad,
  ask: RunModel,
): Promise<{ run: RunModel; plan: ScorerPlan } | { reason: string }> {
  try {
    const planned = planScorer(modelBytes, { input: inputName, output: outputName });
    const plan = await proveScorer(planned, golden, async (features, rows) => {
      const { outputs, shape } = await ask(features, rows);
      if (shape.length === 2 && shape[1] === 1) return outputs;
      throw new ScorerError(`its output has shape [${shape}] in onnxruntime`);
    });
    const scorer = new TreeScorer(plan);
    const run: RunModel = async (features, rows) => {
      const outputs = new Float32Array(rows);
      scorer.score(features, rows, outputs);
      return { outputs, shape: [rows, 1] };
    };
    return { run, plan };
  } catch (error) {
    if (error instanceof ScorerError) return { reason: error.message };
    throw error;
  }
}
