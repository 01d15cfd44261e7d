import type { PathFeature } from "./path-feature.js";
import { extendPath } from "./path-feature.js";
import { SHAPLEY_WEIGHTS } from "./shapley-weights.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { LEAF } from "./tree-ensemble.js";

/**
 * A subtree with precomputed contributions. They depend only on which features of the path lead to the subtree, and on
 * the direction at each of its splits. These bits form a pattern, in which those of the path come first. For each
 * pattern, the table has the subtree's contribution to each of `features`.
 */
export interface TabulatedBlock {
  /** The features of the path, then the other features of the subtree. */
  readonly features: readonly number[];
  /** Number of each split in the ensemble; its bit in a pattern is set if the row goes left. */
  readonly splits: readonly number[];
  /** Row-major, one row of `features.length` per pattern. */
  readonly table: Float64Array;
}

/** A leaf of a block: which bits of a pattern decide whether a feature of its path leads to it. */
interface BlockLeaf {
  readonly value: number;
  readonly path: readonly PathFeature[];
  /** Per feature of `path`: the bits to check, and their required values. */
  readonly bits: readonly number[];
  readonly wanted: readonly number[];
}

/**
 * Computes a block's table with the idea of Fast TreeSHAP v2 (https://arxiv.org/abs/2109.09847): for each leaf,
 * contributions depend on the row only through the set of features that lead to the leaf. The table adds up the leaves
 * of the block.
 *
 * @param root number of the subtree's first node
 * @param path the features above the subtree. Each of them, and each split of the subtree, doubles the size of the table,
 *   so there must be few
 */
export function tabulateBlock(ensemble: TreeEnsemble, root: number, path: readonly PathFeature[]): TabulatedBlock {
  const splits: number[] = [];
  const leaves: BlockLeaf[] = [];
  const visit = (node: number, reached: Omit<BlockLeaf, "value">): void => {
    const feature = ensemble.feature[node] as number;
    if (feature === LEAF) {
      leaves.push({ ...reached, value: ensemble.value[node] as number });
      return;
    }
    const bit = 1 << (path.length + splits.length);
    splits.push(node);
    const goOn = (child: number, share: number, wanted: number): void => {
      const extended = extendPath(reached.path, feature, share);
      visit(child, {
        path: extended.path,
        bits: withBits(reached.bits, extended.index, bit),
        wanted: withBits(reached.wanted, extended.index, wanted),
      });
    };
    goOn(ensemble.left[node] as number, ensemble.leftShare[node] as number, bit);
    goOn(ensemble.right[node] as number, ensemble.rightShare[node] as number, 0);
  };
  const pathBits = path.map((_, index) => 1 << index);
  visit(root, { path, bits: pathBits, wanted: pathBits });

  const features = [...new Set([...path, ...leaves.flatMap((leaf) => leaf.path)].map(({ feature }) => feature))];
  const patterns = 1 << (path.length + splits.length);
  const table = new Float64Array(patterns * features.length);
  for (const leaf of leaves) addLeaf(leaf, features, patterns, table);
  return { features, splits, table };
}

function withBits(bits: readonly number[], index: number, added: number): number[] {
  const next = [...bits];
  next[index] = (next[index] ?? 0) | added;
  return next;
}

/** Adds a leaf's contributions to the row of every pattern. */
function addLeaf(leaf: BlockLeaf, features: readonly number[], patterns: number, table: Float64Array): void {
  const players = leaf.path.length;
  const columns = leaf.path.map(({ feature }) => features.indexOf(feature));
  const contributions = leafContributions(leaf.value, leaf.path);
  for (let pattern = 0; pattern < patterns; pattern += 1) {
    let set = 0;
    for (let player = 0; player < players; player += 1) {
      if ((pattern & (leaf.bits[player] as number)) === leaf.wanted[player]) set |= 1 << player;
    }
    for (let player = 0; player < players; player += 1) {
      const cell = pattern * features.length + (columns[player] as number);
      table[cell] = (table[cell] as number) + (contributions[set * players + player] as number);
    }
  }
}

/**
 * The leaf's contribution to each feature of its path: one row per set of the path's features that lead to the leaf.
 */
function leafContributions(value: number, path: readonly PathFeature[]): Float64Array {
  const players = path.length;
  const sets = 1 << players;
  const averages = coalitionAverages(path);
  const rows = new Float64Array(sets * players);
  for (let set = 0; set < sets; set += 1) {
    let outside = value;
    for (let player = 0; player < players; player += 1) {
      if ((set & (1 << player)) === 0) outside *= (path[player] as PathFeature).share;
    }
    for (let player = 0; player < players; player += 1) {
      const bit = 1 << player;
      const { share } = path[player] as PathFeature;
      // For a feature that leads to the leaf, its share is replaced with 1; for a feature that leads elsewhere, with 0.
      rows[set * players + player] =
        (set & bit) === 0
          ? -outside * (averages[set] as number)
          : outside * (1 - share) * (averages[set ^ bit] as number);
    }
  }
  return rows;
}

/**
 * For each set of features that lead to the leaf: the sum, over its subsets as coalitions, of the coalition's Shapley
 * weight among all features of the path times the shares of the set's features outside the coalition.
 */
function coalitionAverages(path: readonly PathFeature[]): Float64Array {
  const players = path.length;
  const width = players + 1;
  const averages = new Float64Array(1 << players);
  // One row per set. The coefficient of x^k in the product of (share + x) sums over the coalitions of size k.
  const coefficients = new Float64Array((1 << players) * width);
  coefficients[0] = 1;
  for (let set = 0; set < 1 << players; set += 1) {
    if (set > 0) {
      const player = 31 - Math.clz32(set);
      const { share } = path[player] as PathFeature;
      const smaller = (set ^ (1 << player)) * width;
      for (let size = 0; size < width; size += 1) {
        const joined = size === 0 ? 0 : (coefficients[smaller + size - 1] as number);
        coefficients[set * width + size] = (coefficients[smaller + size] as number) * share + joined;
      }
    }
    let average = 0;
    for (let size = 0; size < players; size += 1) {
      average += (coefficients[set * width + size] as number) * (SHAPLEY_WEIGHTS[players * 32 + size] as number);
    }
    averages[set] = average;
  }
  return averages;
}
