import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { stateKeyPrefix } from "@tripline/feature-engine/state/state-key";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { CountedRange, LakeCut } from "@tripline/lake/read/counted-range";
import { rangeOf } from "@tripline/lake/read/counted-range";
import type { LakeSnapshot, Part, Slice } from "@tripline/lake/snapshot/lake-snapshots";
import { listSnapshots, readSlice } from "@tripline/lake/snapshot/lake-snapshots";
import { readSnapshot } from "@tripline/lake/snapshot/read-snapshot";
import type { SnapshotEntry, SnapshotHeader } from "@tripline/lake/snapshot/snapshot-format";
import { slicesFor } from "./slices-for.js";

/** The location of states, in a form that can be passed to a thread. */
export type BaseSource =
  | { readonly snapshot: LakeSnapshot }
  | { readonly statePath: string }
  | { readonly folder: string; readonly slices: number; readonly explained: readonly string[] };

/** The layout of states, in the header of each of their files. */
export type StateLayout = Pick<SnapshotHeader, "specVersion" | "fingerprint">;

/** The states to which a fold adds events. */
export interface BaseStates {
  readonly source: BaseSource;
  /** Labels that the first entity explained but that are still missing from states of other entities. */
  readonly explained: readonly string[];
  /** May also return entries with hash slots outside the range. */
  read(part: Part, slots: Slice["slots"]): AsyncIterable<SnapshotEntry>;
}

/** The states that a fold starts from, and the records that are missing from them. */
export interface FoldStart {
  readonly range: CountedRange;
  /** The states to start from. Default: none */
  readonly base?: BaseStates;
  readonly slices: number;
  /** The snapshot that the fold continues. Default: none */
  readonly snapshot?: LakeSnapshot;
}

export interface ContinuedOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /** Approximate memory limit for the states. */
  readonly memoryBytes: number;
  /** Number of threads that share it. Default: 1 */
  readonly workers?: number;
  /** Receives a sentence about each snapshot that this version cannot read. */
  onNote(sentence: string): void;
  /** Receives a sentence about each snapshot that does not fit the engine or the lake. */
  onUnfit?(sentence: string): void;
}

export function layoutOf({ spec, entities }: FeatureEngine): StateLayout {
  return { specVersion: spec.version, fingerprint: layoutFingerprint(entities) };
}

/** The snapshots in a lake that can be continued up to a cut, the newest first. */
export async function* continuedSnapshots(
  { engine, lake, memoryBytes, workers = 1, onNote, onUnfit = () => {} }: ContinuedOptions,
  cut: LakeCut,
): AsyncGenerator<FoldStart & { readonly snapshot: LakeSnapshot }> {
  const disk = await openDisk(lake);
  for await (const snapshot of listSnapshots(disk, lake, onNote)) {
    const range = rangeOf(snapshot.next, cut);
    if (snapshot.fingerprint !== layoutFingerprint(engine.entities)) {
      onUnfit(
        `${nameOf(snapshot)} was made for feature spec ${snapshot.specVersion}, which has other windows, so it is not used.`,
      );
    } else if (range === undefined) {
      onUnfit(`${nameOf(snapshot)} belongs to another lake or is ahead of this one, so it is not used.`);
    } else {
      const base = statesOfSnapshot(disk, lake, snapshot);
      yield { range, base, snapshot, slices: slicesFor(memoryBytes, { snapshot }, workers) };
    }
  }
}

/** The name of a snapshot, for a sentence to the operator. */
export function nameOf({ takenAtMs }: LakeSnapshot): string {
  return `The snapshot of ${new Date(takenAtMs).toISOString()}`;
}

/** The states of a snapshot in a lake. */
export function statesOfSnapshot(disk: LakeDisk, lake: string, snapshot: LakeSnapshot): BaseStates {
  return {
    source: { snapshot },
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
    source: { statePath: path },
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
    throw new TriplineError(
      "state-unreadable",
      `${path} was made for feature spec ${specVersion}, which has other windows.`,
    );
  });
}
