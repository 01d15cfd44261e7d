import type { CategoryColumn } from "@tripline/tree-shap/read-categories";
import { CategoryEncoder } from "@tripline/tree-shap/read-categories";
import { readEnsemble } from "@tripline/tree-shap/read-ensemble";
import { readOnnx } from "@tripline/tree-shap/read-onnx";
import { ShapError } from "@tripline/tree-shap/shap-error";
import type { TreeEnsemble } from "@tripline/tree-shap/tree-ensemble";
import { edgesOf, makeEdgeRows } from "./edge-rows.js";
import { DEPTH_MAX, LANES, SUMS } from "./memory-layout.js";
import { findColumns } from "./plan-columns.js";
import type { TreeRun } from "./plan-memory.js";
import { planMemory } from "./plan-memory.js";
import { rankCode } from "./rank-code.js";
import type { Margin } from "./read-score.js";
import { readScore } from "./read-score.js";
import { ScorerError } from "./scorer-error.js";
import { treeCode } from "./tree-code.js";
import { encodeModule } from "./wasm-code.js";
import { instantiate } from "./web-assembly.js";

export { LANES };

/** Number of rows that are copied into the code's memory at a time. */
const CHUNK_ROWS = 256;
const FLOAT_BYTES = 4;

/** A prepared model, and rows with which to test it. */
export interface PlannedScorer {
  readonly plan: ScorerPlan;
  /** Rows that reveal a wrong comparison, row-major. */
  edgeRows(count: number): Float32Array<ArrayBuffer>;
}

/**
 * A prepared model. Plain data, so that it can be passed between threads, which is faster than parsing the model again.
 */
export interface ScorerPlan {
  /** Columns of a row. */
  readonly width: number;
  /** The category columns, which the trees read as numbers of a vocabulary. */
  readonly categories: readonly CategoryColumn[];
  readonly image: Uint8Array<ArrayBuffer>;
  readonly code: Uint8Array<ArrayBuffer>;
  readonly runs: readonly (readonly TreeRun[])[];
  /** Number of comparisons per 16 rows, which determines the duration of a run. */
  readonly splits: number;
  readonly baseValues: readonly number[];
  readonly margin: Margin;
  readonly isSigmoid: boolean;
}

export interface ScorerOptions {
  /** Names of the model's input and its score output. */
  readonly input: string;
  readonly output: string;
}

/**
 * Parses a model and lays out its tables.
 *
 * @param bytes content of an .onnx file
 * @throws ScorerError with the reason if it is not supported
 */
export function planScorer(bytes: Uint8Array, { input, output }: ScorerOptions): PlannedScorer {
  try {
    const { width, ensembles, categories, margin, isSigmoid } = readScore(readOnnx(bytes), input, output);
    const trees = ensembles.map((ensemble) => readEnsemble(ensemble, undefined, { hasCovers: false }));
    const columns = findColumns(trees);
    const { image, tables, runs } = planMemory(trees, columns);
    const depths = Array.from({ length: DEPTH_MAX }, (_, index) => index + 1);
    const code = encodeModule([
      rankCode("rank", tables, width * FLOAT_BYTES),
      ...depths.map((depth) => treeCode(`trees${depth}`, depth)),
    ]);
    const splits = runs.flat().reduce((sum, { leaves, leavesEnd }) => sum + (leavesEnd - leaves) / FLOAT_BYTES, 0);
    const baseValues = trees.map(baseValueOf);
    const plan = { width, categories, image, code, runs, splits, baseValues, margin, isSigmoid };
    const edges = edgesOf(columns.values(), categories);
    return { plan, edgeRows: (count) => makeEdgeRows(edges, width, count) };
  } catch (error) {
    if (error instanceof ShapError) throw new ScorerError(error.message);
    throw error;
  }
}

function baseValueOf({ baseValue }: TreeEnsemble): number {
  return Math.fround(baseValue);
}

/** Scores rows with a tree model. Only one thread may use it, because it computes in its own memory. */
export class TreeScorer {
  private readonly rowsAt: number;
  private readonly rows: Float32Array;
  private readonly sums: Float32Array;
  private readonly rank: (rows: number) => void;
  private readonly trees: ((nodes: number, leaves: number, leavesEnd: number) => void)[];
  /** Sums of each ensemble's trees, per row of a chunk. */
  private readonly totals: Float32Array[];
  private readonly encoder: CategoryEncoder;

  constructor(private readonly plan: ScorerPlan) {
    this.rowsAt = Math.ceil(plan.image.length / FLOAT_BYTES) * FLOAT_BYTES;
    const bytes = this.rowsAt + CHUNK_ROWS * plan.width * FLOAT_BYTES;
    const { memory, functions } = instantiate(plan.code, bytes);
    new Uint8Array(memory).set(plan.image);
    this.rows = new Float32Array(memory, this.rowsAt, CHUNK_ROWS * plan.width);
    this.sums = new Float32Array(memory, SUMS, LANES);
    const named = (name: string) => functions[name] as (...parameters: number[]) => void;
    this.rank = named("rank");
    this.trees = Array.from({ length: DEPTH_MAX + 1 }, (_, depth) => named(`trees${depth}`));
    this.totals = plan.runs.map(() => new Float32Array(CHUNK_ROWS));
    this.encoder = new CategoryEncoder(plan.categories, plan.width);
  }

  get width(): number {
    return this.plan.width;
  }

  /**
   * @param rows row-major, `rowCount` × `width` values in the model's format; NaN is a missing value
   * @param into receives one score per row
   */
  score(rows: Float32Array, rowCount: number, into: Float32Array): void {
    const { width, margin, isSigmoid } = this.plan;
    if (rows.length < rowCount * width || into.length < rowCount) {
      throw new RangeError(
        `${rowCount} rows of ${width} require more than ${rows.length} values and ${into.length} scores.`,
      );
    }
    for (let first = 0; first < rowCount; first += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rowCount - first);
      this.rows.set(this.encoder.encoded(rows.subarray(first * width, (first + count) * width)));
      for (let start = 0; start < count; start += LANES) this.addTrees(start);
      const margins = this.marginsOf(margin, count);
      for (let row = 0; row < count; row += 1) {
        const value = margins[row] as number;
        into[first + row] = isSigmoid ? 1 / (1 + Math.exp(-value)) : value;
      }
    }
  }

  /** Passes 16 rows through all trees. Rows after the last one contain old data, and their sums are ignored. */
  private addTrees(start: number): void {
    const { width, runs, baseValues } = this.plan;
    this.rank(this.rowsAt + start * width * FLOAT_BYTES);
    for (let ensemble = 0; ensemble < runs.length; ensemble += 1) {
      this.sums.fill(0);
      for (const { depth, nodes, leaves, leavesEnd } of runs[ensemble] ?? []) {
        this.trees[depth]?.(nodes, leaves, leavesEnd);
      }
      const totals = this.totals[ensemble] as Float32Array;
      const base = baseValues[ensemble] as number;
      for (let lane = 0; lane < LANES; lane += 1) totals[start + lane] = (this.sums[lane] as number) + base;
    }
  }

  /** Each step is rounded to float32 because it is stored as float32. */
  private marginsOf(margin: Margin, count: number): Float32Array {
    if (margin.kind === "ensemble") return this.totals[margin.index] as Float32Array;
    if (margin.kind !== "sum") {
      const by = Math.fround(margin.by);
      const of = this.marginsOf(margin.of, count);
      return of.map((value) => (margin.kind === "scaled" ? value * by : value + by));
    }
    const [first, ...others] = margin.terms.map((term) => this.marginsOf(term, count));
    const total = Float32Array.from(first ?? []);
    for (const other of others)
      for (let row = 0; row < count; row += 1) total[row] = (total[row] as number) + (other[row] as number);
    return total;
  }
}
