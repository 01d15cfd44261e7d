import type { CountedName, CountedStart, LakeCut, SourcePositions } from "@tripline/lake/read/counted-range";
import { byCountedName, startAfter } from "@tripline/lake/read/counted-range";
import type { LakeSnapshot, SnapshotDraft } from "@tripline/lake/snapshot/lake-snapshots";
import type { StateLayout } from "./base-states.js";
import type { SlicedFold } from "./fold-slices.js";
import { lower } from "./recent-records.js";

/** The content of a fold, for the manifest of a snapshot. */
export interface FoldPosition {
  readonly lake: string;
  readonly takenAtMs: number;
  readonly layout: StateLayout;
  readonly cut: LakeCut;
  /** Positions of the sources, read before the cut. */
  readonly sources: SourcePositions;
}

/** Completes a snapshot whose slices are written. @throws TriplineError `lake-unavailable`, `state-unreadable` */
export async function publishStates(
  draft: SnapshotDraft,
  { lake, takenAtMs, layout, cut, sources }: FoldPosition,
  folded: SlicedFold,
): Promise<LakeSnapshot> {
  const next = await startAfterFold(lake, cut, folded);
  return draft.finish({ takenAtMs, ...layout, next, sources, explained: folded.explained });
}

/** The start of the records that the folded states lack. @throws the same errors as `cutLake` */
export function startAfterFold(lake: string, cut: LakeCut, folded: SlicedFold): Promise<CountedStart> {
  return startAfter(lake, cut, againOf(folded));
}

/**
 * For each topic and partition, the first record that some states lack or that may have been counted but not committed.
 */
function againOf({ stuck, recent }: SlicedFold): Record<CountedName, ReadonlyMap<number, number>> {
  const again = byCountedName((name) => new Map(recent[name]));
  for (const { topic, partition, offset } of stuck) lower(again[topic], partition, offset);
  return again;
}
