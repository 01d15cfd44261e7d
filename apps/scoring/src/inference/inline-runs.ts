import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import { LANES, TreeScorer } from "@tripline/tree-inference/tree-scorer";
import type { RunResult } from "./inference-worker.js";

/** Maximum duration of a run on the event loop. */
const RUN_US_MAX = 200;
/** Splits per microsecond for 16 rows. This is the lowest measurement, from a busy machine; the highest was 1,100. */
const SPLITS_PER_US = 650;

/** Runs with few rows on the serving thread, if that costs less than passing them to another thread. */
export class InlineRuns {
  private constructor(
    private readonly scorer: TreeScorer,
    /** Maximum number of rows per run. */
    readonly rowsMax: number,
  ) {}

  /** @returns undefined if even the smallest run takes too long */
  static of(plan: ScorerPlan): InlineRuns | undefined {
    const rowsMax = Math.floor((RUN_US_MAX * SPLITS_PER_US) / plan.splits) * LANES;
    return rowsMax === 0 ? undefined : new InlineRuns(new TreeScorer(plan), rowsMax);
  }

  run(features: Float32Array, rows: number): RunResult {
    const startedMs = performance.now();
    const outputs = new Float32Array(rows);
    this.scorer.score(features, rows, outputs);
    return { outputs, durationMs: performance.now() - startedMs };
  }
}
