import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelKind } from "./brute-force-kinds.js";

/* The oracle's labels that replace earlier ones. */

interface ReplacingLabel {
  readonly atMs: number;
  readonly fraud: boolean;
  readonly replacedAtMs?: number;
}

/**
 * The labels that no later one replaces. A label replaces an earlier one in the same tile.
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

/** Whether the tiles of an entity know the verdicts of their labels: a count of labels alone does not. */
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
