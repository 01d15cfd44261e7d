import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { countedAtMsOf, isIncomplete, numbersOf, stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import { FoldDecisions } from "@tripline/feature-engine/apply/fold-decisions";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import type { CountedName, CountedRange } from "@tripline/lake/read/counted-range";
import type { PlacedEvent } from "@tripline/lake/read/read-counted";
import { readPlaced } from "@tripline/lake/read/read-counted";
import { HASH_SLOTS, hashSlot } from "@tripline/lake/snapshot/hash-slot";
import type { Part, Slice } from "@tripline/lake/snapshot/lake-snapshots";
import { PARTS } from "@tripline/lake/snapshot/lake-snapshots";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import type { SpilledEvent } from "./event-spill.js";
import { EventSpill } from "./event-spill.js";
import type { FinishedSlice, FoldJournal, SortedEvents } from "./fold-journal.js";
import { RecentRecords } from "./recent-records.js";

/** The states to which the fold adds events. */
export interface BaseStates {
  /** Labels that the first entity explained but that states of other entities still lack. */
  readonly explained: readonly string[];
  /** May also return entries with hash slots outside the range. */
  read(part: Part, slots: Slice["slots"]): AsyncIterable<SnapshotEntry>;
}

export interface FoldSlicesOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  readonly range: CountedRange;
  /** Default: none */
  readonly base?: BaseStates;
  readonly stateTtlMs: number;
  /** See `FoldInOrder`. */
  readonly erasedAtMs: (key: string) => number | undefined;
  /** Number of ranges of hash slots; a divisor of 16,384. The largest slice determines the memory needed. */
  readonly slices: number;
  /** A folder with room for one copy of each event per entity; empty unless there is a journal. */
  readonly scratch: string;
  /** What an earlier process has done of the same fold in the same folder, with more than one slice (default: nothing). */
  readonly journal?: FoldJournal;
  /** Receives the states of a slice, unless they are in the journal. */
  write(slice: Pick<Slice, "part" | "slots">, entries: readonly SnapshotEntry[]): Promise<void>;
  readonly onEvents: (events: number) => void;
  readonly onSlice: (done: number, total: number) => void;
}

export interface SlicedFold {
  /** Newly counted events that the base lacked. */
  readonly counted: number;
  /** Records of events that the base already contains. */
  readonly covered: number;
  readonly repeated: number;
  /** Events counted while states were lost. */
  readonly incomplete: number;
  /** Events of which at least one entity waits for an earlier event outside the range. */
  readonly stuck: readonly PlacedEvent[];
  /** Number of stuck events of which the first entity waits. */
  readonly stuckFirst: number;
  /** Stuck labels that the first entity explained: see `BaseStates`. */
  readonly explained: readonly string[];
  /** Whether two events of an entity have the same number. */
  readonly isContradictory: boolean;
  readonly states: number;
  /** By topic and partition: the first record in the last minutes of the range. */
  readonly recent: Readonly<Record<CountedName, ReadonlyMap<number, number>>>;
}

/** The service deletes a state at most this long after its time to live. */
const EXPIRED_MARGIN_MS = 86_400_000;

/**
 * Folds events into states as `FoldInOrder` does, one slice of the states at a time. With more than one slice, it first
 * sorts the events into a file per slice. The slices of the spec's first entity come first, because the others need its
 * `FoldDecisions`.
 *
 * @returns undefined if the entities cannot be folded separately: one was added to the spec later, or an entity other
 *   than the first one explains frauds
 * @throws TriplineError `lake-unavailable`, `state-unreadable`, `not-found`; `state-conflict` for contradictory
 *   numbers; `queue-full` if too many events wait
 */
export async function foldSlices(options: FoldSlicesOptions): Promise<SlicedFold | undefined> {
  const { engine, base, slices, journal, onSlice } = options;
  if (engine.judge > 0) return undefined;
  // With a single slice, the events are read twice instead of being stored.
  const spill = slices > 1 ? new EventSpill(options.scratch) : undefined;
  const sorted = journal?.sorted ?? (await sortEvents(options, spill));
  if (sorted === undefined) return undefined;
  await journal?.noteSorted(sorted);
  const decisions = new FoldDecisions(base?.explained);
  const sums = { counted: 0, covered: 0, repeated: 0, states: 0, stuckFirst: 0, isContradictory: false };
  const stuck: PlacedEvent[] = [];
  for (const [turn, part] of PARTS.entries()) {
    for (let index = 0; index < slices; index += 1) {
      const known = journal?.finished(part, index);
      if (known !== undefined) decisions.restore(known.decisions);
      const one = known ?? (await foldSlice(options, { part, index, spill, decisions, beganAtMs: sorted.beganAtMs }));
      sums.states += one.states;
      sums.isContradictory ||= one.isContradictory;
      if (part === "first") {
        sums.counted += one.counted;
        sums.covered += one.covered;
        sums.repeated += one.repeated;
      }
      if ("stuck" in one) {
        stuck.push(...one.stuck);
        if (part === "first") sums.stuckFirst += one.stuck.length;
        const { stuck: waiting, ...finished } = one;
        // Waiting events make the fold inexact, so it will not be continued.
        if (waiting.length === 0)
          await journal?.noteSlice({ ...finished, part, index, decisions: decisions.changes() });
      }
      onSlice(turn * slices + index + 1, PARTS.length * slices);
    }
  }
  const explained = decisions.explained(stuck.map(({ event }) => event));
  return { ...sums, stuck, explained, incomplete: sorted.incomplete, recent: sorted.recent };
}

async function sortEvents(
  options: FoldSlicesOptions,
  spill: EventSpill | undefined,
): Promise<SortedEvents | undefined> {
  const { engine, lake, range, slices, onEvents } = options;
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
  await spill?.flush();
  return { incomplete, beganAtMs, recent: recent.firsts() };
}

interface SliceFold {
  readonly part: Part;
  readonly index: number;
  readonly spill: EventSpill | undefined;
  readonly decisions: FoldDecisions;
  readonly beganAtMs: number | undefined;
}

interface FoldedSlice extends Omit<FinishedSlice, "part" | "index" | "decisions"> {
  readonly stuck: readonly PlacedEvent[];
}

async function foldSlice(
  options: FoldSlicesOptions,
  { part, index, spill, decisions, beganAtMs }: SliceFold,
): Promise<FoldedSlice> {
  const { engine, base, range, slices, stateTtlMs, erasedAtMs } = options;
  const width = HASH_SLOTS / slices;
  const slots: Slice["slots"] = [index * width, (index + 1) * width];
  const before = await entriesWithin(base, part, slots);
  const places = new WeakMap<CountedEvent, PlacedEvent>();
  let isContradictory = false;
  const folding = new FoldInOrder({
    engine,
    decisions,
    stateTtlMs,
    erasedAtMs,
    stateBefore: (key) => before.get(key)?.[1] ?? null,
    changedBefore: (key) => before.get(key)?.[2],
    ...(beganAtMs === undefined ? {} : { beganAtMs }),
    onPayment: () => {},
    onDropped: (event) => {
      const placed = places.get(event);
      if (placed === undefined || isReadAgain(placed, range)) return;
      if (part === "first") decisions.drop(event);
      else isContradictory ||= !decisions.isDropped(event);
    },
  });
  for await (const { entity, placed } of spill?.read(fileOf(part, index)) ?? eventsOf(options, part)) {
    const { event } = placed;
    if (part === "others" && !decisions.isDecided(event)) continue;
    places.set(event, placed);
    folding.add(event, entity);
  }
  folding.finish();
  const entries = entriesOf(options, before, folding, beganAtMs ?? Date.now());
  await options.write({ part, slots }, entries);
  if (part === "first") for (const event of folding.stuck) decisions.defer(event);
  const stuck = folding.stuck.flatMap((event) => places.get(event) ?? []);
  const { counted, covered, repeated } = folding;
  return { counted, covered, repeated, stuck, isContradictory, states: entries.length };
}

async function* eventsOf({ engine, lake, range }: FoldSlicesOptions, part: Part): AsyncGenerator<SpilledEvent> {
  for await (const chunk of readPlaced({ lake, range })) {
    for (const placed of chunk) {
      for (const [entity, key] of stateKeysOf(engine, placed.event).entries()) {
        // Each entity gets its own copy, because each may hold the event separately.
        if (key === undefined || partOf(entity) !== part) continue;
        yield { entity, placed: { ...placed, event: { ...placed.event } } };
      }
    }
  }
}

/** If a state of the base has no time, it counts as changed when counting began. */
function entriesOf(
  { engine, stateTtlMs, erasedAtMs }: FoldSlicesOptions,
  before: ReadonlyMap<string, SnapshotEntry>,
  folding: FoldInOrder,
  beganAtMs: number,
): readonly SnapshotEntry[] {
  const entries = new Map<string, SnapshotEntry>();
  for (const [key, [, value, changedAtMs]] of before) {
    const erased = erasedAtMs(key);
    if (erased === undefined || (changedAtMs ?? 0) > erased) entries.set(key, [key, value, changedAtMs ?? beganAtMs]);
    else if (changedAtMs !== undefined) entries.set(key, [key, emptied(engine, key, value), changedAtMs]);
  }
  for (const { key, entity, state, countedAtMs = beganAtMs } of folding.states()) {
    // The state waits for its first event.
    if (state.sequence === 0) continue;
    entries.set(key, [key, engine.encodeState(entity, state), countedAtMs]);
  }
  const expiredMs = Date.now() - stateTtlMs - EXPIRED_MARGIN_MS;
  return [...entries.values()].filter(([, , changedAtMs = beganAtMs]) => changedAtMs > expiredMs);
}

/** Empties a state as the service does for an erased person. */
function emptied(engine: FeatureEngine, key: string, value: Uint8Array): Uint8Array {
  const entity = engine.entities.findIndex((plan) => parseStateKey(plan, key) !== undefined);
  return entity < 0 ? value : engine.emptiedState(entity, value);
}

async function entriesWithin(base: BaseStates | undefined, part: Part, slots: Slice["slots"]) {
  const entries = new Map<string, SnapshotEntry>();
  if (base === undefined) return entries;
  for await (const entry of base.read(part, slots)) {
    const slot = hashSlot(entry[0]);
    if (slot >= slots[0] && slot < slots[1]) entries.set(entry[0], entry);
  }
  return entries;
}

/** Whether some states of the base may already contain the event, which is read again for the states that lack it. */
function isReadAgain({ topic, partition, offset }: PlacedEvent, range: CountedRange): boolean {
  return offset < (range[topic].counted.get(partition) ?? 0);
}

function partOf(entity: number): Part {
  return entity === 0 ? "first" : "others";
}

function filesOf(keys: readonly (string | undefined)[], slices: number): (string | undefined)[] {
  return keys.map((key, entity) =>
    key === undefined ? undefined : fileOf(partOf(entity), Math.floor((hashSlot(key) * slices) / HASH_SLOTS)),
  );
}

function fileOf(part: Part, index: number): string {
  return `${part}-${index}.events`;
}
