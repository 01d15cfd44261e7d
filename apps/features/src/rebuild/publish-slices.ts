import { openDisk } from "@tripline/lake/log/open-disk";
import { SnapshotDraft } from "@tripline/lake/snapshot/lake-snapshots";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import type { SlicedFold } from "../snapshot/fold-slices.js";
import type { FoldPosition } from "../snapshot/publish-states.js";
import { publishStates } from "../snapshot/publish-states.js";
import type { WrittenSlices } from "./written-slices.js";

/** Copies the states of a fold to the lake as a snapshot. @returns its id @throws TriplineError `lake-unavailable`, `state-unreadable` */
export async function publishSlices(written: WrittenSlices, position: FoldPosition, fold: SlicedFold): Promise<string> {
  const { lake, layout, takenAtMs } = position;
  const draft = await SnapshotDraft.begin(await openDisk(lake), lake, takenAtMs);
  try {
    for (const place of written.places()) {
      const entries: SnapshotEntry[] = [];
      for await (const entry of written.read(place)) entries.push(entry);
      await draft.add(place, { ...layout, entries: entries.length }, entries);
    }
    return (await publishStates(draft, position, fold)).id;
  } catch (thrown) {
    await draft.abandon().catch(() => {});
    throw thrown;
  }
}
