import { TriplineError } from "@tripline/contracts/error-table";
import type { EntityStates, FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";

/** The state of one entity. Its memory is reused for the next entity of its kind. */
interface Slot {
  readonly memory: EntityState;
  key: string | undefined;
  isChanged: boolean;
}

/**
 * The states of the entities in a batch. Only one state of each kind is decoded at a time, and it is encoded again when
 * another one is needed. Decoding it again later is cheaper than keeping all decoded states of a batch, which do not
 * fit into CPU caches. Used for one batch after another, because allocating the memory costs as much as encoding.
 */
export class BatchStates {
  #stored: ReadonlyMap<string, Uint8Array | null> = new Map();
  readonly #slots: readonly Slot[];
  readonly #writer = new ByteWriter();
  #changed = new Map<string, Uint8Array>();
  /** Keys that were required but not read. */
  missing = new Set<string>();

  constructor(readonly engine: FeatureEngine) {
    this.#slots = engine.entities.map((_, entity) => ({
      memory: engine.decodeState(entity, null),
      key: undefined,
      isChanged: false,
    }));
  }

  /**
   * Begins a batch. The states of the last one are no longer valid, whether encoded or not.
   *
   * @param stored state bytes by key, with every key that will be requested
   */
  begin(stored: ReadonlyMap<string, Uint8Array | null>): void {
    this.#stored = stored;
    this.#changed = new Map();
    this.missing = new Set();
    this.#writer.reset();
    for (const slot of this.#slots) {
      slot.key = undefined;
      slot.isChanged = false;
    }
  }

  /**
   * States by index of their entity; undefined without a key. They are valid until the next call.
   *
   * @throws TriplineError `state-unreadable`
   */
  of(keys: readonly (string | undefined)[]): EntityStates {
    return this.#slots.map((slot, entity) => {
      const key = keys[entity];
      if (key === undefined) return undefined;
      if (key !== slot.key) this.#load(slot, entity, key);
      return slot.memory;
    });
  }

  /** Whether all of these states were read; the keys of states that were not read are added to `missing`. */
  require(keys: readonly (string | undefined)[]): boolean {
    let isRead = true;
    for (const key of keys) {
      if (key === undefined || this.#stored.has(key)) continue;
      this.missing.add(key);
      isRead = false;
    }
    return isRead;
  }

  /** Marks the states of an event as changed. */
  changed(keys: readonly (string | undefined)[]): void {
    for (const slot of this.#slots) if (slot.key !== undefined && keys.includes(slot.key)) slot.isChanged = true;
  }

  /** All changed states, encoded, by key; valid until the next batch begins. */
  encodeChanged(): ReadonlyMap<string, Uint8Array> {
    for (const [entity, slot] of this.#slots.entries()) this.#store(slot, entity);
    return this.#changed;
  }

  #load(slot: Slot, entity: number, key: string): void {
    this.#store(slot, entity);
    const bytes = this.#changed.get(key) ?? this.#stored.get(key);
    if (bytes === undefined) throw new TriplineError("internal", "A state of the batch was not read.");
    this.engine.decodeState(entity, bytes, slot.memory);
    slot.key = key;
  }

  #store(slot: Slot, entity: number): void {
    if (slot.key === undefined || !slot.isChanged) return;
    const start = this.#writer.length;
    this.engine.writeState(entity, slot.memory, this.#writer);
    this.#changed.set(slot.key, this.#writer.since(start));
    slot.isChanged = false;
  }
}
