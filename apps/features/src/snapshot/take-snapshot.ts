import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { openDisk } from "@tripline/lake/log/open-disk";
import { makeOwnFolder } from "@tripline/lake/log/own-folder";
import { countEntities } from "@tripline/lake/read/count-entities";
import type { LakeCut, SourcePositions } from "@tripline/lake/read/counted-range";
import { cutLake, FROM_BEGINNING, rangeOf, readSourcePositions } from "@tripline/lake/read/counted-range";
import { totalCounted } from "@tripline/lake/read/read-counted";
import type { SnapshotRetention } from "@tripline/lake/snapshot/lake-snapshots";
import { dropSnapshots, SnapshotDraft } from "@tripline/lake/snapshot/lake-snapshots";
import { erasedStates } from "../erasures/erased-states.js";
import type { FoldStart } from "./base-states.js";
import { continuedSnapshots, layoutOf, nameOf, statesOfFile } from "./base-states.js";
import { findFaults } from "./find-faults.js";
import { foldSlices } from "./fold-slices.js";
import { publishStates } from "./publish-states.js";
import { slicesFor } from "./slices-for.js";

export interface TakeSnapshotOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /** Snapshot that the service started from (default: none). Needed only for the first snapshot in the lake. */
  readonly statePath?: string;
  readonly stateTtlSeconds: number;
  /** Approximate memory limit for the states. */
  readonly memoryBytes: number;
  readonly retention: SnapshotRetention;
  /** The mark of complete states in Redis; null if there is none. */
  readMark(): Promise<string | null>;
  /** Erased people, about whom the snapshot contains nothing that was counted before their erasure. */
  erasures(): Promise<readonly Erasure[]>;
  /** Receives a sentence about each older snapshot that cannot be continued. */
  onNote(sentence: string): void;
  readonly onEvents?: (events: number) => void;
  readonly onSlice?: (done: number, total: number) => void;
}

export interface TakenSnapshot {
  readonly id: string;
  readonly states: number;
  /** Number of events counted since the previous snapshot. */
  readonly events: number;
  /** Id of the previous snapshot, if this one continues it. */
  readonly continues?: string;
  /** Number of old snapshots removed. */
  readonly dropped: number;
}

/** Maximum lag of the archive. If an event waits longer, the event that it waits for will never arrive. */
const ARCHIVE_LATE_MS_MAX = 3_600_000;

/**
 * Writes a snapshot of all states to the lake while the service runs. It adds the events archived since the newest
 * snapshot to that snapshot, and reads only the mark from Redis. Concurrent runs are safe. If this function throws, the
 * older snapshots remain.
 *
 * @throws TriplineError `state-incomplete` while Redis has lost the states; `state-conflict` if the lake lacks counted
 *   events; `lake-unavailable`, `state-unreadable`, `redis-unavailable`, `kafka-unavailable`, `not-found`
 */
export async function takeSnapshot(options: TakeSnapshotOptions): Promise<TakenSnapshot> {
  const { lake } = options;
  const disk = await openDisk(lake);
  const mark = await options.readMark();
  const sources = await readSourcePositions(lake);
  const cut = await cutLake(lake);
  // Events counted while states are lost have no place in the order until the rebuild assigns one.
  if (mark === null || (await options.readMark()) !== mark) {
    throw new TriplineError(
      "state-incomplete",
      "Redis has lost the window states, so a snapshot would not be exact. First run `tripline rebuild-state`.",
    );
  }
  for await (const start of startsOf(options, cut)) {
    try {
      return await takeFrom(options, disk, { cut, sources }, start);
    } catch (thrown) {
      const isOfBase = thrown instanceof TriplineError && thrown.code === "state-unreadable";
      if (!isOfBase || start.snapshot === undefined) throw thrown;
      options.onNote(`${nameOf(start.snapshot)} cannot be resumed: ${thrown.message}`);
    }
  }
  throw new TriplineError("state-conflict", `The lake ${lake} is older than its own snapshots.`);
}

/** The states from which a new snapshot can continue, best first. */
async function* startsOf(options: TakeSnapshotOptions, cut: LakeCut): AsyncGenerator<FoldStart> {
  const { engine, lake, memoryBytes, statePath } = options;
  yield* continuedSnapshots(options, cut);
  const range = rangeOf(FROM_BEGINNING, cut);
  if (range === undefined) return;
  const states = await countEntities(
    lake,
    engine.entities.map(({ fields }) => fields),
  );
  const slices = slicesFor(memoryBytes, { states });
  yield { range, slices, ...(statePath === undefined ? {} : { base: statesOfFile(statePath, engine) }) };
}

async function takeFrom(
  options: TakeSnapshotOptions,
  disk: LakeDisk,
  { cut, sources }: { readonly cut: LakeCut; readonly sources: SourcePositions },
  start: FoldStart,
): Promise<TakenSnapshot> {
  const { engine, lake, stateTtlSeconds, retention, onEvents = () => {}, onSlice = () => {} } = options;
  const takenAtMs = Date.now();
  const layout = layoutOf(engine);
  const erasedAtMs = erasedStates(engine, await options.erasures());
  const scratch = await makeOwnFolder(tmpdir(), "tripline-snapshot");
  const draft = await SnapshotDraft.begin(disk, lake, takenAtMs);
  try {
    const folded = await foldSlices({
      engine,
      lake,
      ...start,
      scratch,
      erasedAtMs,
      stateTtlMs: stateTtlSeconds * 1000,
      write: (slice, entries) => draft.add(slice, { ...layout, entries: entries.length }, entries),
      onEvents,
      onSlice,
    });
    if (folded === undefined) throw notExact("an entity was added to the feature spec after some events");
    const faults = findFaults(folded, await totalCounted(lake, start.range), takenAtMs - ARCHIVE_LATE_MS_MAX);
    if (faults.length > 0) throw notExact(faults.join("; "));
    await publishStates(draft, { lake, takenAtMs, layout, cut, sources }, folded);
    const dropped = await dropSnapshots(disk, lake, retention, takenAtMs);
    const continues = start.snapshot === undefined ? {} : { continues: start.snapshot.id };
    return { id: draft.id, states: folded.states, events: folded.counted, ...continues, dropped };
  } catch (thrown) {
    // Leftover files without a manifest are not a snapshot. A later run removes them.
    await draft.abandon().catch(() => {});
    throw thrown;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function notExact(why: string): TriplineError {
  return new TriplineError("state-conflict", `No snapshot was taken, because it would not be exact: ${why}.`);
}
