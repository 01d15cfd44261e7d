import { ScorerError } from "./scorer-error.js";
import type { PlannedScorer, ScorerPlan } from "./tree-scorer.js";
import { TreeScorer } from "./tree-scorer.js";

/** Maximum difference from another runtime's score of the same row. */
const DIFFERENCE_MAX = 1e-6;
/** Rows to compare, with the model's thresholds, adjacent floats and extremes. */
export const EDGE_ROWS = 256;

/**
 * Compares a scorer with another runtime on rows that reveal a wrong comparison.
 *
 * @param more additional rows to compare, row-major
 * @param ask returns the other runtime's score of each row; rejects if the runtime cannot return one number per row
 * @throws ScorerError if a score differs
 */
export async function proveScorer(
  { plan, edgeRows }: PlannedScorer,
  more: Float32Array,
  ask: (features: Float32Array<ArrayBuffer>, rows: number) => Promise<ArrayLike<number>>,
): Promise<ScorerPlan> {
  const features = Float32Array.from([...edgeRows(EDGE_ROWS), ...more]);
  const rows = features.length / plan.width;
  const own = new Float32Array(rows);
  new TreeScorer(plan).score(features, rows, own);
  const wanted = await ask(features, rows);
  const odd = own.findIndex((value, row) => !isSame(value, wanted[row] ?? Number.NaN));
  if (odd === -1 && wanted.length === rows) return plan;
  throw new ScorerError(`it returns ${own[odd]} for a row for which the other runtime returns ${wanted[odd]}`);
}

/** Whether two runtimes gave the same score. Two NaN are equal: callers check for invalid scores. */
export function isSame(one: number, other: number): boolean {
  return Math.abs(one - other) <= DIFFERENCE_MAX || (Number.isNaN(one) && Number.isNaN(other));
}
