import { TOPICS } from "@tripline/contracts/topics";
import { countedAtMsOf } from "@tripline/feature-engine/apply/counted-event";
import { COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import type { CountedTotals } from "@tripline/lake/read/read-counted";
import type { SlicedFold } from "./fold-slices.js";

const NAMES = COUNTED_NAMES.map((name) => TOPICS[name].name).join(", ");

/**
 * The reasons why the folded states are not exact, as parts of a sentence; empty if they are exact. States are exact if
 * they contain every counted event exactly once.
 *
 * @param waitsSinceMs events counted after this time may wait for an earlier one that is not archived yet; none by
 *   default
 */
export function findFaults(
  folded: SlicedFold,
  { events, missing }: CountedTotals,
  waitsSinceMs = Number.POSITIVE_INFINITY,
): string[] {
  const { counted, covered, stuck, stuckFirst, isContradictory } = folded;
  // If two events have the same number, only the first was counted.
  const shadowed = events - counted - covered - stuckFirst;
  const stopped = stuck.filter(({ event }) => countedAtMsOf(event) < waitsSinceMs);
  return [
    ...(stopped.length > 0 ? [`${stopped.length} events are waiting for earlier events`] : []),
    ...(missing > 0 ? [`${missing} records of ${NAMES} were never archived`] : []),
    ...(shadowed > 0 || isContradictory ? ["events have the same sequence number as others"] : []),
  ];
}
