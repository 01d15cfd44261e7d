import type { AppliedLabel, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { EntityStates, FeatureEngine } from "./compile-engine.js";

/** Whether the judge entity explains a label's fraud; undefined if there is no fraud, or if the spec has no judge. */
export function isExplained(
  engine: FeatureEngine,
  states: EntityStates,
  { fraud, occurredAtMs }: Pick<Label, "fraud" | "occurredAtMs">,
): boolean | undefined {
  return fraud && engine.judge >= 0 ? engine.explains(states, occurredAtMs) : undefined;
}

/**
 * Whether the card explained the fraud when it was counted online; undefined if the record does not say, if another
 * spec judged it, or if the card's history was lost.
 */
export function wasExplained(
  { spec }: Pick<FeatureEngine, "spec">,
  { explained, specVersion, incomplete }: AppliedLabel,
): boolean | undefined {
  return incomplete || specVersion !== spec.version ? undefined : explained;
}
