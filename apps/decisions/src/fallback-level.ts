import type { FallbackLevelName } from "@tripline/contracts/decisions/decision-names";
import { FALLBACK_LEVEL_NAMES } from "@tripline/contracts/decisions/decision-names";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";

const NAMES: Readonly<Record<number, FallbackLevelName>> = FALLBACK_LEVEL_NAMES;

/**
 * The fallback level of a decision, for metrics and spans. Until 0.3.0, they also contain it as `rung`, with the names
 * that the levels had before.
 */
export function fallbackLevelOf({ rung }: { readonly rung: Rung }) {
  return { fallback_level: NAMES[rung] ?? "unspecified", rung: Rung[rung].toLowerCase() };
}
