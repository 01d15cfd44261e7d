import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelKind } from "./brute-force-kinds.js";

/* The part of the oracle for labels that replace earlier labels. */

interface ReplacingLabel {
  readonly atMs: number;
  readonly fraud: boolean;
  readonly replacedAtMs?: number;
}

/**
 * The labels that no later label replaces. The replaced label is in the tile of `replacedAtMs`.
 *
 * @param labels in order of arrival
 * @param verdicts whether the replaced label must have the opposite verdict
 */
export function withoutReplaced<L extends ReplacingLabel>(
  labels: readonly L[],
  tile: (atMs: number) => number,
  verdicts: boolean,
): L[] {
  const kept: L[] = [];
  for (const label of labels) {
    const { replacedAtMs, fraud } = label;
    const replaced =
      replacedAtMs === undefined
        ? -1
        : kept.findIndex((other) => tile(other.atMs) === tile(replacedAtMs) && (!verdicts || other.fraud !== fraud));
    if (replaced >= 0) kept.splice(replaced, 1);
    kept.push(label);
  }
  return kept;
}

/** Whether an entity's tiles store the verdicts of labels, and not only their number. */
export function keepsVerdicts({ features, windows }: FeatureSpec, entity: string, tileMs: number): boolean {
  return features.some(
    (feature) =>
      isLabelKind(feature.kind) &&
      feature.kind !== "label_count" &&
      "window" in feature &&
      feature.entity === entity &&
      windows[feature.window]?.tile === tileMs,
  );
}
