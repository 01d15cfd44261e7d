import type { TreePlan } from "./plan-trees.js";
import { PATH_FEATURES_MAX, SHAPLEY_WEIGHTS } from "./shapley-weights.js";

/**
 * Number of rows that pass through one tree before the next tree: enough to benefit from having the tree's tables in
 * the cache.
 */
export const CHUNK_ROWS = 64;

/**
 * Working memory for explaining a chunk of rows; it is created once and reused for every chunk. Two-dimensional arrays
 * are indexed [i, row], at i × (rows of the chunk) + row.
 */
export interface Scratch {
  /** [column, row]: comparable values. */
  readonly values: Float64Array;
  /** [feature, row]: contributions so far. */
  readonly sums: Float64Array;
  /** [slot of the current tree, row]: bit i is 0 if feature i of the path does not lead to this node. */
  readonly masks: Int32Array;
  /** [row]: the pattern of the current block. */
  readonly patterns: Int32Array;
  readonly coefficients: Float64Array;
}

export function newScratch(plan: TreePlan): Scratch {
  return {
    values: new Float64Array(CHUNK_ROWS * 2 * plan.features),
    sums: new Float64Array(CHUNK_ROWS * plan.features),
    masks: new Int32Array(CHUNK_ROWS * plan.slots),
    patterns: new Int32Array(CHUNK_ROWS),
    coefficients: new Float64Array(PATH_FEATURES_MAX + 1),
  };
}

/** Adds one tree's contributions to the sums of the first `rows` rows of the chunk. */
export function explainTree(plan: TreePlan, scratch: Scratch, tree: number, rows: number): void {
  passMasksDown(plan, scratch, tree, rows);
  addBlocks(plan, scratch, tree, rows);
  const leafEnd = plan.leafEnds[tree] as number;
  for (let leaf = startOf(plan.leafEnds, tree); leaf < leafEnd; leaf += 1) {
    for (let row = 0; row < rows; row += 1) addLeaf(plan, scratch, leaf, row, rows);
  }
}

/** Fills the tree's masks, from the root down to its blocks and leaves. */
function passMasksDown(plan: TreePlan, { values, masks }: Scratch, tree: number, rows: number): void {
  const { topEnds, topSlot, topColumn, topThreshold, topPlace, topLeftSlot, topRightSlot } = plan;
  masks.fill(-1, 0, rows);
  const end = topEnds[tree] as number;
  for (let top = startOf(topEnds, tree); top < end; top += 1) {
    const column = (topColumn[top] as number) * rows;
    const threshold = topThreshold[top] as number;
    const place = topPlace[top] as number;
    const own = (topSlot[top] as number) * rows;
    const left = (topLeftSlot[top] as number) * rows;
    const right = (topRightSlot[top] as number) * rows;
    for (let row = 0; row < rows; row += 1) {
      const mask = masks[own + row] as number;
      const goesLeft = isAtMost(values[column + row] as number, threshold);
      masks[left + row] = mask & ~((goesLeft ^ 1) << place);
      masks[right + row] = mask & ~(goesLeft << place);
    }
  }
}

/** 1 or 0, without branches, which would be mispredicted half of the time. */
function isAtMost(value: number, threshold: number): number {
  return Number(value <= threshold);
}

/** Finds each row's pattern in each block of the tree, and adds its table entry. */
function addBlocks(plan: TreePlan, { values, sums, masks, patterns }: Scratch, tree: number, rows: number): void {
  const { blockEnds, blockSlot, blockPathLength, blockSplitEnds, blockFeatureEnds, blockFeature, blockTable } = plan;
  const { splitColumn, splitThreshold, table } = plan;
  const blockEnd = blockEnds[tree] as number;
  let block = startOf(blockEnds, tree);
  let split = startOf(blockSplitEnds, block);
  let place = startOf(blockFeatureEnds, block);
  for (; block < blockEnd; block += 1) {
    let bit = blockPathLength[block] as number;
    const slot = (blockSlot[block] as number) * rows;
    const pathBits = (1 << bit) - 1;
    for (let row = 0; row < rows; row += 1) patterns[row] = (masks[slot + row] as number) & pathBits;
    for (const splitEnd = blockSplitEnds[block] as number; split < splitEnd; split += 1) {
      const column = (splitColumn[split] as number) * rows;
      const threshold = splitThreshold[split] as number;
      for (let row = 0; row < rows; row += 1) {
        patterns[row] = (patterns[row] as number) | (isAtMost(values[column + row] as number, threshold) << bit);
      }
      bit += 1;
    }
    const placeEnd = blockFeatureEnds[block] as number;
    const width = placeEnd - place;
    let start = blockTable[block] as number;
    for (; place < placeEnd; place += 1) {
      const column = (blockFeature[place] as number) * rows;
      for (let row = 0; row < rows; row += 1) {
        const cell = start + (patterns[row] as number) * width;
        sums[column + row] = (sums[column + row] as number) + (table[cell] as number);
      }
      start += 1;
    }
  }
}

/**
 * Adds the contributions of a leaf without a table. A coalition changes the leaf's value only through features that
 * lead to the leaf, so the product over features that lead elsewhere is computed only once: Fast TreeSHAP v1
 * (https://arxiv.org/abs/2109.09847) with precomputed leaf paths.
 */
function addLeaf(
  plan: TreePlan,
  { sums, masks, coefficients }: Scratch,
  leaf: number,
  row: number,
  rows: number,
): void {
  const { pathFeature, pathShare, leafPathEnds } = plan;
  const mask = masks[(plan.leafSlot[leaf] as number) * rows + row] as number;
  const start = startOf(leafPathEnds, leaf);
  const end = leafPathEnds[leaf] as number;
  const weights = (end - start) * 32;
  // The coefficient of x^k in the product of (share + x) over the features that lead here.
  let leading = 0;
  let outside = plan.leafValue[leaf] as number;
  coefficients[0] = 1;
  for (let place = start; place < end; place += 1) {
    const share = pathShare[place] as number;
    if ((mask & (1 << (place - start))) === 0) {
      outside *= share;
      continue;
    }
    leading += 1;
    coefficients[leading] = 1;
    for (let size = leading - 1; size > 0; size -= 1) {
      coefficients[size] = (coefficients[size] as number) * share + (coefficients[size - 1] as number);
    }
    coefficients[0] = (coefficients[0] as number) * share;
  }
  if (outside === 0) return;
  let average = 0;
  for (let size = 0; size <= leading; size += 1) {
    average += (coefficients[size] as number) * (SHAPLEY_WEIGHTS[weights + size] as number);
  }
  for (let place = start; place < end; place += 1) {
    const sum = (pathFeature[place] as number) * rows + row;
    if ((mask & (1 << (place - start))) === 0) {
      sums[sum] = (sums[sum] as number) - outside * average;
      continue;
    }
    const share = pathShare[place] as number;
    // Dividing the product by (share + x), from the highest power down, removes this feature.
    let quotient = 0;
    let without = 0;
    for (let size = leading; size > 0; size -= 1) {
      quotient = (coefficients[size] as number) - share * quotient;
      without += quotient * (SHAPLEY_WEIGHTS[weights + size - 1] as number);
    }
    sums[sum] = (sums[sum] as number) + outside * (1 - share) * without;
  }
}

/** The start of item i in arrays that store ends. */
function startOf(ends: Int32Array, item: number): number {
  return item === 0 ? 0 : (ends[item - 1] as number);
}
