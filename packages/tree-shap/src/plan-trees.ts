import { comparableColumn, comparableThreshold } from "./comparable-values.js";
import type { PathFeature } from "./path-feature.js";
import { extendPath } from "./path-feature.js";
import { ShapError } from "./shap-error.js";
import { PATH_FEATURES_MAX } from "./shapley-weights.js";
import { tabulateBlock } from "./tabulate-block.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { LEAF } from "./tree-ensemble.js";

/**
 * How an ensemble's trees are explained. Each tree's top splits come first. They record in slots of an array which
 * features of the path lead to the nodes below: blocks, with contributions in `table`, and single leaves that are too
 * deep for a table. All arrays are flat; `…Ends[i]` is the end of tree or item i and the start of i + 1.
 */
export interface TreePlan {
  readonly trees: number;
  /** Columns of a row. */
  readonly features: number;
  /** Maximum number of slots of a tree. Its root has slot 0. */
  readonly slots: number;
  readonly topEnds: Int32Array;
  readonly topSlot: Int32Array;
  /** Column of comparable values, and the threshold to compare with. */
  readonly topColumn: Int32Array;
  readonly topThreshold: Float64Array;
  /** Position of the split's feature in its children's path. */
  readonly topPlace: Int32Array;
  readonly topLeftSlot: Int32Array;
  readonly topRightSlot: Int32Array;
  readonly blockEnds: Int32Array;
  readonly blockSlot: Int32Array;
  /** Features of the path above each block. */
  readonly blockPathLength: Int32Array;
  readonly blockSplitEnds: Int32Array;
  readonly splitColumn: Int32Array;
  readonly splitThreshold: Float64Array;
  readonly blockFeatureEnds: Int32Array;
  readonly blockFeature: Int32Array;
  /** Start of a block's table in `table`. */
  readonly blockTable: Int32Array;
  readonly table: Float32Array;
  readonly leafEnds: Int32Array;
  readonly leafSlot: Int32Array;
  readonly leafValue: Float64Array;
  readonly leafPathEnds: Int32Array;
  readonly pathFeature: Int32Array;
  readonly pathShare: Float64Array;
}

/** Features of the path plus splits of a block: the block's table has 2 to the power of this number of rows. */
const BLOCK_BITS_MAX = 8;
/** Maximum number of splits from a root to a leaf. */
const DEPTH_MAX = 256;

/**
 * Plans how to explain an ensemble.
 *
 * @param tableBytesMax maximum memory for tables; leaves without a table are explained one by one, more slowly
 * @throws ShapError `unsupported-model` for paths with too many features
 */
export function planTrees(ensemble: TreeEnsemble, tableBytesMax: number): TreePlan {
  return new Planner(ensemble, tableBytesMax).plan();
}

class Planner {
  private readonly splitCounts: Int32Array;
  private readonly topEnds: number[] = [];
  private readonly tops: { node: number; slot: number; place: number; left: number; right: number }[] = [];
  private readonly blockEnds: number[] = [];
  private readonly blocks: { slot: number; pathLength: number; splitEnd: number; featureEnd: number; table: number }[] =
    [];
  private readonly splits: number[] = [];
  private readonly blockFeatures: number[] = [];
  private readonly tables: Float32Array[] = [];
  private tableLength = 0;
  private readonly leafEnds: number[] = [];
  private readonly leaves: { slot: number; value: number; pathEnd: number }[] = [];
  private readonly leafPaths: PathFeature[] = [];
  private slots = 0;
  /** Maximum over all trees; at least one, for the root. */
  private slotsMax = 1;

  constructor(
    private readonly ensemble: TreeEnsemble,
    private readonly tableBytesMax: number,
  ) {
    this.splitCounts = countSplits(ensemble);
  }

  plan(): TreePlan {
    for (const root of this.ensemble.roots) {
      this.slots = 0;
      // A tree with only one leaf adds the same value to every row.
      if (this.ensemble.feature[root] !== LEAF) this.place(root, [], 0);
      this.slotsMax = Math.max(this.slotsMax, this.slots);
      this.topEnds.push(this.tops.length);
      this.blockEnds.push(this.blocks.length);
      this.leafEnds.push(this.leaves.length);
    }
    const { features, feature, threshold, nanLeft } = this.ensemble;
    const columnOf = (node: number): number => comparableColumn(feature[node] as number, features, nanLeft[node] === 1);
    const thresholdOf = (node: number): number => comparableThreshold(threshold[node] as number);
    return {
      trees: this.ensemble.roots.length,
      features,
      slots: this.slotsMax,
      topEnds: Int32Array.from(this.topEnds),
      topSlot: Int32Array.from(this.tops, ({ slot }) => slot),
      topColumn: Int32Array.from(this.tops, ({ node }) => columnOf(node)),
      topThreshold: Float64Array.from(this.tops, ({ node }) => thresholdOf(node)),
      topPlace: Int32Array.from(this.tops, ({ place }) => place),
      topLeftSlot: Int32Array.from(this.tops, ({ left }) => left),
      topRightSlot: Int32Array.from(this.tops, ({ right }) => right),
      blockEnds: Int32Array.from(this.blockEnds),
      blockSlot: Int32Array.from(this.blocks, ({ slot }) => slot),
      blockPathLength: Int32Array.from(this.blocks, ({ pathLength }) => pathLength),
      blockSplitEnds: Int32Array.from(this.blocks, ({ splitEnd }) => splitEnd),
      splitColumn: Int32Array.from(this.splits, columnOf),
      splitThreshold: Float64Array.from(this.splits, thresholdOf),
      blockFeatureEnds: Int32Array.from(this.blocks, ({ featureEnd }) => featureEnd),
      blockFeature: Int32Array.from(this.blockFeatures),
      blockTable: Int32Array.from(this.blocks, ({ table }) => table),
      table: this.joinTables(),
      leafEnds: Int32Array.from(this.leafEnds),
      leafSlot: Int32Array.from(this.leaves, ({ slot }) => slot),
      leafValue: Float64Array.from(this.leaves, ({ value }) => value),
      leafPathEnds: Int32Array.from(this.leaves, ({ pathEnd }) => pathEnd),
      pathFeature: Int32Array.from(this.leafPaths, ({ feature: one }) => one),
      pathShare: Float64Array.from(this.leafPaths, ({ share }) => share),
    };
  }

  /** Makes a node a block, a leaf or a top split, together with its descendants, and returns its slot. */
  private place(node: number, path: readonly PathFeature[], depth: number): number {
    if (path.length > PATH_FEATURES_MAX || depth > DEPTH_MAX) {
      throw new ShapError(
        "unsupported-model",
        `A path in the model has more than ${DEPTH_MAX} splits or ${PATH_FEATURES_MAX} features: limit the depth of its trees.`,
      );
    }
    const slot = this.slots;
    this.slots += 1;
    if (this.addBlock(node, path, slot)) return slot;
    const feature = this.ensemble.feature[node] as number;
    if (feature === LEAF) {
      this.leafPaths.push(...path);
      this.leaves.push({ slot, value: this.ensemble.value[node] as number, pathEnd: this.leafPaths.length });
      return slot;
    }
    const toLeft = extendPath(path, feature, this.ensemble.leftShare[node] as number);
    const toRight = extendPath(path, feature, this.ensemble.rightShare[node] as number);
    const top = { node, slot, place: toLeft.index, left: 0, right: 0 };
    this.tops.push(top);
    top.left = this.place(this.ensemble.left[node] as number, toLeft.path, depth + 1);
    top.right = this.place(this.ensemble.right[node] as number, toRight.path, depth + 1);
    return slot;
  }

  private addBlock(node: number, path: readonly PathFeature[], slot: number): boolean {
    const splits = this.splitCounts[node] as number;
    const bits = path.length + splits;
    // Enough for the features of the path and one new feature per split.
    const lengthMax = (1 << Math.min(bits, PATH_FEATURES_MAX - 1)) * bits;
    const isTooBig = (this.tableLength + lengthMax) * Float32Array.BYTES_PER_ELEMENT > this.tableBytesMax;
    if (bits > BLOCK_BITS_MAX || isTooBig) return false;
    const block = tabulateBlock(this.ensemble, node, path);
    this.splits.push(...block.splits);
    this.blockFeatures.push(...block.features);
    this.tables.push(Float32Array.from(block.table));
    this.blocks.push({
      slot,
      pathLength: path.length,
      splitEnd: this.splits.length,
      featureEnd: this.blockFeatures.length,
      table: this.tableLength,
    });
    this.tableLength += block.table.length;
    return true;
  }

  private joinTables(): Float32Array {
    const joined = new Float32Array(this.tableLength);
    let offset = 0;
    for (const table of this.tables) {
      joined.set(table, offset);
      offset += table.length;
    }
    return joined;
  }
}

/** The number of splits in each node's subtree. */
function countSplits({ feature, left, right }: TreeEnsemble): Int32Array {
  const counts = new Int32Array(feature.length);
  // Children have higher numbers than their parents, so they are counted first.
  for (let node = feature.length - 1; node >= 0; node -= 1) {
    if (feature[node] === LEAF) continue;
    counts[node] = 1 + (counts[left[node] as number] as number) + (counts[right[node] as number] as number);
  }
  return counts;
}
