import type { TestTree } from "../encode-model.js";
import { coverOf } from "../encode-model.js";

/** Shapley values by definition, over every coalition: slow and simple, as the reference for the tests. */

/** Whether a row's value makes a split's comparison true, by https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md. */
function isTrue(mode: string, value: number, threshold: number, missingTrue: boolean): boolean {
  if (Number.isNaN(value)) return missingTrue;
  switch (mode) {
    case "BRANCH_LEQ":
      return value <= threshold;
    case "BRANCH_LT":
      return value < threshold;
    case "BRANCH_GTE":
      return value >= threshold;
    case "BRANCH_GT":
      return value > threshold;
    default:
      throw new Error(`No test compares by ${mode}.`);
  }
}

/**
 * A tree's value if only the features in `known` are known: a split on any other feature takes both branches, weighted
 * by their shares of the training data.
 */
export function treeValue(tree: TestTree, row: readonly number[], known: ReadonlySet<number>): number {
  if ("cover" in tree) return Math.fround(tree.value);
  const { feature, mode, threshold, missingTrue, whenTrue, whenFalse } = tree;
  if (known.has(feature)) {
    const value = Math.fround(row[feature] ?? Number.NaN);
    const side = isTrue(mode, value, Math.fround(threshold), missingTrue) ? whenTrue : whenFalse;
    return treeValue(side, row, known);
  }
  const [trueCover, falseCover] = [coverOf(whenTrue), coverOf(whenFalse)];
  const sum = trueCover * treeValue(whenTrue, row, known) + falseCover * treeValue(whenFalse, row, known);
  return sum / (trueCover + falseCover);
}

/** The average contribution of each feature over all orders in which features are revealed. */
export function shapleyByDefinition(trees: readonly TestTree[], row: readonly number[]): number[] {
  const worth = Array.from({ length: 1 << row.length }, (_, coalition) => {
    const known = new Set(row.flatMap((_value, feature) => ((coalition >> feature) & 1 ? [feature] : [])));
    return trees.reduce((sum, tree) => sum + treeValue(tree, row, known), 0);
  });
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
  return row.map((_, feature) => {
    let contribution = 0;
    for (let coalition = 0; coalition < worth.length; coalition += 1) {
      if ((coalition >> feature) & 1) continue;
      const size = row.filter((_value, other) => (coalition >> other) & 1).length;
      const weight = (factorial(size) * factorial(row.length - size - 1)) / factorial(row.length);
      contribution += weight * ((worth[coalition | (1 << feature)] ?? 0) - (worth[coalition] ?? 0));
    }
    return contribution;
  });
}
