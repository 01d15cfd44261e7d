import type { TreeEnsemble } from "@tripline/tree-shap/tree-ensemble";
import { LEAF } from "@tripline/tree-shap/tree-ensemble";
import { thresholdKey } from "./float-keys.js";
import { DEPTH_MAX } from "./memory-layout.js";
import { ScorerError } from "./scorer-error.js";

/** Maximum number of distinct thresholds of a feature, because its ranks have 2 bytes. */
const THRESHOLDS_MAX = 65_535;
/**
 * Maximum number of distinct thresholds of a feature within a block: a value then has one of 256 ranks, which fit in a
 * byte.
 */
const BLOCK_THRESHOLDS_MAX = 255;

/**
 * A feature whose missing values are either below or above all thresholds. A value is replaced with its rank, which is
 * the number of thresholds below it, because comparing ranks is equivalent to comparing values.
 */
export interface Column {
  readonly feature: number;
  readonly isMissingLow: boolean;
  /** Distinct thresholds of all trees as keys, ascending. */
  readonly keys: Int32Array;
  /** The index of each key, which is its rank. */
  readonly rankOf: ReadonlyMap<number, number>;
}

export interface PlannedTree {
  readonly ensemble: TreeEnsemble;
  readonly root: number;
  readonly depth: number;
  readonly block: Block;
}

/** Consecutive trees with so few thresholds per feature that a rank among them fits in a byte. */
export interface Block {
  /** Distinct thresholds of these trees as keys, by `columnOf`. */
  readonly keys: Map<number, Set<number>>;
}

/** The number of a split's column. */
export function columnOf({ feature, nanLeft }: TreeEnsemble, node: number): number {
  return (feature[node] as number) * 2 + (nanLeft[node] as number);
}

export function findColumns(ensembles: readonly TreeEnsemble[]): Map<number, Column> {
  const found = new Map<number, Set<number>>();
  for (const ensemble of ensembles) {
    for (let node = 0; node < ensemble.feature.length; node += 1) {
      if (ensemble.feature[node] === LEAF) continue;
      const id = columnOf(ensemble, node);
      const keys = found.get(id) ?? new Set();
      found.set(id, keys.add(thresholdKey(ensemble.threshold[node] as number)));
    }
  }
  const columns = new Map<number, Column>();
  for (const [id, keys] of found) {
    if (keys.size > THRESHOLDS_MAX) {
      throw new ScorerError(`feature ${id >> 1} has ${keys.size} thresholds; the maximum is ${THRESHOLDS_MAX}`);
    }
    const sorted = Int32Array.from(keys).sort();
    const rankOf = new Map(Array.from(sorted, (key, rank) => [key, rank]));
    columns.set(id, { feature: id >> 1, isMissingLow: id % 2 === 1, keys: sorted, rankOf });
  }
  return columns;
}

/** The trees in order, each with its depth and its block. */
export function planTrees(ensembles: readonly TreeEnsemble[]): PlannedTree[][] {
  let block: Block = { keys: new Map() };
  return ensembles.map((ensemble) =>
    Array.from(ensemble.roots, (root) => {
      const own = new Map<number, Set<number>>();
      const depth = Math.max(1, gatherKeys(ensemble, root, own));
      if (depth > DEPTH_MAX) throw new ScorerError(`a tree has ${depth} levels of splits; the maximum is ${DEPTH_MAX}`);
      if (!fits(block, own)) block = { keys: new Map() };
      for (const [id, keys] of own) block.keys.set(id, new Set([...(block.keys.get(id) ?? []), ...keys]));
      return { ensemble, root, depth, block };
    }),
  );
}

/**
 * Adds the keys of a tree's splits by column, and returns the tree's depth. Iterative, because a file may contain trees
 * of any depth.
 */
function gatherKeys(ensemble: TreeEnsemble, root: number, into: Map<number, Set<number>>): number {
  const open = [{ node: root, level: 0 }];
  let depth = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, level } = next;
    depth = Math.max(depth, level);
    if (ensemble.feature[node] === LEAF) continue;
    const id = columnOf(ensemble, node);
    into.set(id, (into.get(id) ?? new Set()).add(thresholdKey(ensemble.threshold[node] as number)));
    for (const child of [ensemble.left[node], ensemble.right[node]])
      open.push({ node: child as number, level: level + 1 });
  }
  return depth;
}

function fits({ keys }: Block, own: ReadonlyMap<number, ReadonlySet<number>>): boolean {
  for (const [id, more] of own) {
    const there = keys.get(id);
    if (there === undefined) continue;
    let count = there.size;
    for (const key of more) if (!there.has(key)) count += 1;
    if (count > BLOCK_THRESHOLDS_MAX) return false;
  }
  return true;
}
