import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { stateKeyPrefix } from "@tripline/feature-engine/state/state-key";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";
import { readSlice } from "@tripline/lake/snapshot/lake-snapshots";
import { readSnapshot } from "@tripline/lake/snapshot/read-snapshot";
import type { SnapshotEntry, SnapshotHeader } from "@tripline/lake/snapshot/snapshot-format";
import type { BaseStates } from "./fold-slices.js";

/** The states of a snapshot in a lake. */
export function statesOfSnapshot(disk: LakeDisk, lake: string, snapshot: LakeSnapshot): BaseStates {
  return {
    explained: snapshot.explained,
    async *read(part, [from, to]) {
      for (const slice of snapshot.slices) {
        if (slice.part !== part || slice.slots[0] >= to || slice.slots[1] <= from) continue;
        yield* readSlice(disk, lake, snapshot, slice);
      }
    },
  };
}

/** The states in a file from `tripline backfill` that the service started with. Each slice reads the whole file. */
export function statesOfFile(path: string, engine: FeatureEngine): BaseStates {
  const [first] = engine.entities;
  const prefix = first === undefined ? "" : stateKeyPrefix(first);
  return {
    explained: [],
    async *read(part) {
      for await (const entry of readStateFile(path, engine)) {
        if (entry[0].startsWith(prefix) === (part === "first")) yield entry;
      }
    },
  };
}

/** @throws TriplineError `state-unreadable`, including for a file with other windows */
export function readStateFile(path: string, engine: FeatureEngine): AsyncGenerator<SnapshotEntry> {
  return readSnapshot(path, ({ fingerprint, specVersion }: SnapshotHeader) => {
    if (fingerprint === layoutFingerprint(engine.entities)) return;
    throw new TriplineError("state-unreadable", `${path} was made for feature spec ${specVersion} with other windows.`);
  });
}
