import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import type { DecisionNames } from "@tripline/feature-engine/apply/fold-decisions";
import { FoldDecisions } from "@tripline/feature-engine/apply/fold-decisions";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import type { CountedRange } from "@tripline/lake/read/counted-range";
import type { PlacedEvent } from "@tripline/lake/read/read-counted";
import { readPlaced } from "@tripline/lake/read/read-counted";
import { hashSlot, slotsOf } from "@tripline/lake/snapshot/hash-slot";
import type { Part, Slice } from "@tripline/lake/snapshot/lake-snapshots";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import type { BaseStates } from "./base-states.js";
import type { EventSpill, SpilledEvent } from "./event-spill.js";

export interface FoldSliceOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  readonly range: CountedRange;
  /** The states to start from. Default: none */
  readonly base?: BaseStates;
  readonly stateTtlMs: number;
  /** When the person behind a state was last erased, as for `FoldInOrder`. */
  readonly erasedAtMs: (key: string) => number | undefined;
  /** Number of ranges of hash slots; a divisor of 16,384. The largest slice determines the memory needed. */
  readonly slices: number;
  /** The sorted events; undefined if there is a single slice, because its events are read again instead. */
  readonly spill: EventSpill | undefined;
  /** Receives the states of the slice. */
  write(slice: Pick<Slice, "part" | "slots">, entries: readonly SnapshotEntry[]): Promise<void>;
}

export interface SliceTask {
  readonly part: Part;
  readonly index: number;
  /** The time at which counting began. */
  readonly beganAtMs: number | undefined;
}

/** A slice whose states are written. */
export interface FoldedSlice {
  readonly states: number;
  readonly counted: number;
  readonly covered: number;
  readonly repeated: number;
  readonly isContradictory: boolean;
  readonly stuck: readonly PlacedEvent[];
  /** The decisions of the first entity; empty for the other entities. */
  readonly decisions: DecisionNames;
}

const NONE: DecisionNames = { explained: [], dropped: [], deferred: [] };
/** The service deletes a state at most this long after its time to live. */
const EXPIRED_MARGIN_MS = 86_400_000;

/**
 * Folds the events of one slice, which were sorted into its file, or, if there is only one slice, the events of the
 * lake.
 */
export async function foldSlice(
  options: FoldSliceOptions,
  { part, index, beganAtMs }: SliceTask,
  earlier: FoldDecisions,
): Promise<FoldedSlice> {
  const { engine, base, range, slices, spill, stateTtlMs, erasedAtMs } = options;
  const decisions = part === "first" ? new FoldDecisions() : earlier;
  const slots = slotsOf(index, slices);
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
  const made = part === "first" ? decisions.names() : NONE;
  return { counted, covered, repeated, stuck, isContradictory, states: entries.length, decisions: made };
}

async function* eventsOf({ engine, lake, range }: FoldSliceOptions, part: Part): AsyncGenerator<SpilledEvent> {
  for await (const chunk of readPlaced({ lake, range })) {
    for (const placed of chunk) {
      for (const [entity, key] of stateKeysOf(engine, placed.event).entries()) {
        // Each entity gets its own copy, because each entity may retain the event independently.
        if (key === undefined || partOf(entity) !== part) continue;
        yield { entity, placed: { ...placed, event: { ...placed.event } } };
      }
    }
  }
}

/** If a state of the base has no time, it is considered changed when counting began. */
function entriesOf(
  { engine, stateTtlMs, erasedAtMs }: FoldSliceOptions,
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

export function partOf(entity: number): Part {
  return entity === 0 ? "first" : "others";
}

/** The name of the file of a slice's events. */
export function fileOf(part: Part, index: number): string {
  return `${part}-${index}.events`;
}
