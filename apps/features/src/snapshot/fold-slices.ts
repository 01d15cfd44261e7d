import { countedAtMsOf, isIncomplete, numbersOf, stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import type { DecisionNames } from "@tripline/feature-engine/apply/fold-decisions";
import { FoldDecisions } from "@tripline/feature-engine/apply/fold-decisions";
import type { CountedName } from "@tripline/lake/read/counted-range";
import type { PlacedEvent } from "@tripline/lake/read/read-counted";
import { readPlaced } from "@tripline/lake/read/read-counted";
import { sliceOf } from "@tripline/lake/snapshot/hash-slot";
import type { Part } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS } from "@tripline/lake/snapshot/lake-snapshots";
import { EventSpill } from "./event-spill.js";
import type { FoldJournal, SortedEvents } from "./fold-journal.js";
import type { FoldedSlice, FoldSliceOptions, SliceTask } from "./fold-slice.js";
import { fileOf, foldSlice, partOf } from "./fold-slice.js";
import { RecentRecords } from "./recent-records.js";

export interface FoldSlicesOptions extends Omit<FoldSliceOptions, "spill"> {
  /** A folder with room for one copy of each event per entity; empty unless there is a journal. */
  readonly scratch: string;
  /** Work of an earlier process on the same fold in the same folder, if there are several slices. Default: none */
  readonly journal?: FoldJournal;
  /** Threads that fold slices with the same options. Default: this one folds them */
  readonly threads?: SliceThreads;
  readonly onEvents: (events: number) => void;
  readonly onSlice: (done: number, total: number) => void;
}

export interface SliceThreads {
  readonly count: number;
  /** Passes on the decisions of the first entity. */
  decide(decisions: DecisionNames): void;
  fold(task: SliceTask): Promise<FoldedSlice>;
}

export interface SlicedFold {
  /** Newly counted events that the base lacked. */
  readonly counted: number;
  /** Records of events that the base already contains. */
  readonly covered: number;
  readonly repeated: number;
  /** Events counted while states were lost. */
  readonly incomplete: number;
  /** Events that wait, in at least one entity, for an earlier event outside the range. */
  readonly stuck: readonly PlacedEvent[];
  /** Number of stuck events that wait in the first entity of the spec. */
  readonly stuckFirst: number;
  /** Stuck labels that the first entity explained: see `BaseStates`. */
  readonly explained: readonly string[];
  /** Whether two events of an entity have the same number. */
  readonly isContradictory: boolean;
  readonly states: number;
  /** For each topic and partition, the first record in the last minutes of the range. */
  readonly recent: Readonly<Record<CountedName, ReadonlyMap<number, number>>>;
}

/**
 * Folds events into states like `FoldInOrder`, but one slice of the states at a time. If there is more than one slice,
 * it first sorts the events into a file per slice. The slices of the spec's first entity come first, because the others
 * need its `FoldDecisions`.
 *
 * @returns undefined if the entities cannot be folded separately: one was added to the spec later, or an entity other
 *   than the first one explains frauds
 * @throws TriplineError `lake-unavailable`, `state-unreadable`, `not-found`; `state-conflict` for contradictory
 *   numbers; `queue-full` if too many events wait
 */
export async function foldSlices(options: FoldSlicesOptions): Promise<SlicedFold | undefined> {
  const { engine, base, slices, journal, threads, onSlice } = options;
  if (engine.judge > 0) return undefined;
  // With a single slice, the events are read twice instead of being stored.
  const spill = slices > 1 ? new EventSpill(options.scratch) : undefined;
  const sorted = journal?.sorted ?? (await sortEvents(options, spill));
  if (sorted === undefined) return undefined;
  await journal?.noteSorted(sorted);
  const decisions = new FoldDecisions(base?.explained);
  const all = PARTS.length * slices;
  let done = journal?.finishedSlices ?? 0;
  if (done > 0) onSlice(done, all);
  const foldPart = async (part: Part): Promise<readonly FoldedSlice[]> => {
    const folded = Array.from({ length: slices }, (_, index) => journal?.finished(part, index));
    for (const known of folded) if (known !== undefined) decisions.add(known.decisions);
    const missing = folded.flatMap((known, index) => (known === undefined ? [index] : []));
    await forEach(missing, threads?.count ?? 1, async (index) => {
      const task = { part, index, beganAtMs: sorted.beganAtMs };
      const one = await (threads?.fold(task) ?? foldSlice({ ...options, spill }, task, decisions));
      folded[index] = one;
      decisions.add(one.decisions);
      // Waiting events make the fold inexact, so it will not be continued.
      if (one.stuck.length === 0) await journal?.noteSlice(part, index, one);
      done += 1;
      onSlice(done, all);
    });
    return folded.filter((one) => one !== undefined);
  };
  const first = await foldPart("first");
  threads?.decide(decisions.names());
  const folded = [...first, ...(await foldPart("others"))];
  const stuck = folded.flatMap((one) => one.stuck);
  return {
    counted: sumOf(first, "counted"),
    covered: sumOf(first, "covered"),
    repeated: sumOf(first, "repeated"),
    states: sumOf(folded, "states"),
    isContradictory: folded.some(({ isContradictory }) => isContradictory),
    stuck,
    stuckFirst: first.flatMap((one) => one.stuck).length,
    explained: decisions.explained(stuck.map(({ event }) => event)),
    incomplete: sorted.incomplete,
    recent: sorted.recent,
  };
}

function sumOf(slices: readonly FoldedSlice[], name: "states" | "counted" | "covered" | "repeated"): number {
  return slices.reduce((total, slice) => total + slice[name], 0);
}

/** Runs the work for all items, a few at a time. After an error, it starts no more work. */
async function forEach<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let isBroken = false;
  const runner = async () => {
    for (const item of rest) {
      if (isBroken) return;
      await work(item).catch((thrown: unknown) => {
        isBroken = true;
        throw thrown;
      });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, runner));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function sortEvents(
  options: FoldSlicesOptions,
  spill: EventSpill | undefined,
): Promise<SortedEvents | undefined> {
  const { engine, lake, range, slices, journal, onEvents } = options;
  // An earlier process may have died while it sorted.
  await spill?.clear();
  const recent = new RecentRecords();
  let incomplete = 0;
  let events = 0;
  let beganAtMs: number | undefined;
  for await (const chunk of readPlaced({ lake, range })) {
    for (const placed of chunk) {
      const { event } = placed;
      recent.add(placed);
      beganAtMs ??= countedAtMsOf(event);
      if (isIncomplete(event)) incomplete += 1;
      const numbers = numbersOf(event);
      const keys = stateKeysOf(engine, event);
      // If an event has no number, only its other entities show whether it was counted before.
      const isUnnumbered = keys.some((key, entity) => key !== undefined && numbers[entity] === undefined);
      if (isUnnumbered && !isIncomplete(event)) return undefined;
      spill?.add(placed, filesOf(keys, slices));
    }
    await spill?.flushIfFull();
    events += chunk.length;
    onEvents(events);
  }
  // Otherwise, nobody would notice if the last events of a file of the other entities were missing.
  await (journal === undefined ? spill?.flush() : spill?.sync());
  return { incomplete, beganAtMs, recent: recent.firsts() };
}

function filesOf(keys: readonly (string | undefined)[], slices: number): (string | undefined)[] {
  return keys.map((key, entity) => (key === undefined ? undefined : fileOf(partOf(entity), sliceOf(key, slices))));
}
