import type { TreeEnsemble } from "@tripline/tree-shap/tree-ensemble";
import { LEAF } from "@tripline/tree-shap/tree-ensemble";
import { ABOVE_ALL, thresholdKey } from "./float-keys.js";
import { DEPTH_MAX, LANES, LEAF_BYTES, LEAF_NUMBERS, NODE_BYTES, TABLES } from "./memory-layout.js";
import type { Block, Column, PlannedTree } from "./plan-columns.js";
import { columnOf, planTrees } from "./plan-columns.js";
import type { RankTable, RankTarget } from "./rank-code.js";
import { ScorerError } from "./scorer-error.js";

/** Maximum bytes of a model's tables. */
const TABLES_BYTES_MAX = 64 * 1024 * 1024;
/** Number of buckets of a column, chosen so that most of them contain at most one threshold. */
const BUCKETS_PER_THRESHOLD = 2;
const BUCKETS_MAX = 4_096;

/** Consecutive trees of the same depth, with the addresses for their code. */
export interface TreeRun {
  readonly depth: number;
  readonly nodes: number;
  readonly leaves: number;
  readonly leavesEnd: number;
}

export interface MemoryPlan {
  /** The memory's content from byte 0. */
  readonly image: Uint8Array<ArrayBuffer>;
  readonly tables: readonly RankTable[];
  /** Per ensemble. */
  readonly runs: readonly (readonly TreeRun[])[];
}

/** @throws ScorerError for too deep or too many trees */
export function planMemory(ensembles: readonly TreeEnsemble[], columns: ReadonlyMap<number, Column>): MemoryPlan {
  return new MemoryPlanner(columns, planTrees(ensembles)).plan();
}

class MemoryPlanner {
  private end = TABLES;
  private readonly view: DataView<ArrayBuffer>;
  /** Each block's part of a column. */
  private readonly targets = new Map<Block, Map<number, RankTarget>>();

  constructor(
    private readonly columns: ReadonlyMap<number, Column>,
    private readonly trees: readonly (readonly PlannedTree[])[],
  ) {
    const nodes = trees.flat().reduce((sum, { depth }) => sum + 2 ** depth * (NODE_BYTES + LEAF_BYTES), 0);
    const blocks = this.blocks().length;
    let bytes = TABLES + nodes;
    for (const { keys } of columns.values()) {
      bytes += keys.length * 12 + BUCKETS_MAX * 2 + blocks * (keys.length + 1 + LANES);
    }
    if (bytes > TABLES_BYTES_MAX)
      throw new ScorerError(`its tables would take ${bytes} bytes; the maximum is ${TABLES_BYTES_MAX}`);
    this.view = new DataView(new ArrayBuffer(bytes));
  }

  plan(): MemoryPlan {
    for (let number = 0; number < 2 ** (DEPTH_MAX - 1); number += 1) {
      for (let lane = 0; lane < LANES; lane += 1) this.view.setUint8(LEAF_NUMBERS + number * LANES + lane, number * 2);
    }
    const tables = [...this.columns].map(([id, column]) => this.addColumn(id, column));
    const runs = this.trees.map((trees) => this.addTrees(trees));
    return { image: new Uint8Array(this.view.buffer.slice(0, this.end)), tables, runs };
  }

  private blocks(): Block[] {
    return [...new Set(this.trees.flat().map(({ block }) => block))];
  }

  private take(bytes: number): number {
    const address = this.end;
    this.end += bytes;
    return address;
  }

  private addColumn(id: number, { feature, isMissingLow, keys }: Column): RankTable {
    const firstKey = keys[0] as number;
    const distance = (key: number): number => (key - firstKey) >>> 0;
    const buckets = Math.min(BUCKETS_MAX, keys.length * BUCKETS_PER_THRESHOLD);
    let shift = 0;
    while (distance(keys.at(-1) as number) >>> shift >= buckets) shift += 1;
    const counts = new Array<number>((distance(keys.at(-1) as number) >>> shift) + 1).fill(0);
    for (const key of keys) counts[distance(key) >>> shift] = (counts[distance(key) >>> shift] as number) + 1;
    const bucketKeysMax = Math.max(...counts);
    const keysAt = this.take((keys.length + bucketKeysMax * 2) * 4);
    const padded = [...keys, ...new Array<number>(bucketKeysMax * 2).fill(ABOVE_ALL)];
    for (const [index, key] of padded.entries()) this.view.setInt32(keysAt + index * 4, key, true);
    const starts = this.take(counts.length * 2);
    let before = 0;
    counts.forEach((count, bucket) => {
      this.view.setUint16(starts + bucket * 2, before, true);
      before += count;
    });
    const targets = this.blocks().flatMap((block) => this.addTarget(id, keys, block));
    return {
      feature,
      isMissingLow,
      keys: keysAt,
      firstKey,
      shift,
      lastBucket: counts.length - 1,
      starts,
      bucketKeysMax,
      targets,
    };
  }

  private addTarget(id: number, keys: Int32Array, block: Block): RankTarget[] {
    const own = new Set(block.keys.get(id));
    if (own.size === 0) return [];
    const codeByRank = this.take(keys.length + 1);
    let code = 0;
    for (let rank = 0; rank <= keys.length; rank += 1) {
      this.view.setInt8(codeByRank + rank, signedByte(code));
      if (own.has(keys[rank] as number)) code += 1;
    }
    const codes = this.take(LANES);
    const target = { codeByRank, codes };
    this.targets.set(block, (this.targets.get(block) ?? new Map<number, RankTarget>()).set(id, target));
    return [target];
  }

  private addTrees(trees: readonly PlannedTree[]): TreeRun[] {
    const runs: TreeRun[] = [];
    for (let first = 0; first < trees.length; ) {
      const depth = trees[first]?.depth as number;
      let end = first + 1;
      while (trees[end]?.depth === depth) end += 1;
      const nodesBytes = (2 ** depth - 1) * NODE_BYTES;
      const leavesBytes = 2 ** depth * LEAF_BYTES;
      const nodes = this.take((end - first) * nodesBytes);
      const leaves = this.take((end - first) * leavesBytes);
      trees.slice(first, end).forEach((tree, index) => {
        this.addNode(tree, tree.root, nodes + index * nodesBytes, leaves + index * leavesBytes, 0, 0);
      });
      runs.push({ depth, nodes, leaves, leavesEnd: leaves + (end - first) * leavesBytes });
      first = end;
    }
    return runs;
  }

  /** Fills a complete tree: if a leaf is not at the bottom, every path below it leads to its value. */
  private addNode(tree: PlannedTree, node: number, nodes: number, leaves: number, place: number, level: number): void {
    const { ensemble, depth, block } = tree;
    if (level === depth) {
      const leaf = place - (2 ** depth - 1);
      this.view.setFloat32(leaves + leaf * LEAF_BYTES, ensemble.value[node] as number, true);
      return;
    }
    const isLeaf = ensemble.feature[node] === LEAF;
    if (!isLeaf) this.addSplit(nodes + place * NODE_BYTES, ensemble, node, block);
    const [left, right] = isLeaf ? [node, node] : [ensemble.left[node], ensemble.right[node]];
    this.addNode(tree, left as number, nodes, leaves, 2 * place + 1, level + 1);
    this.addNode(tree, right as number, nodes, leaves, 2 * place + 2, level + 1);
  }

  private addSplit(address: number, ensemble: TreeEnsemble, node: number, block: Block): void {
    const id = columnOf(ensemble, node);
    const rank = this.columns.get(id)?.rankOf.get(thresholdKey(ensemble.threshold[node] as number));
    const target = this.targets.get(block)?.get(id);
    if (rank === undefined || target === undefined) throw new Error("a split's column was not planned");
    this.view.setUint32(address, target.codes, true);
    const code = this.view.getInt8(target.codeByRank + rank);
    for (let copy = 0; copy < 4; copy += 1) this.view.setInt8(address + 4 + copy, code);
  }
}

/** Vector comparisons are signed, so the smallest rank is -128. */
function signedByte(rank: number): number {
  return rank - 128;
}
