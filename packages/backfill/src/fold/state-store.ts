/** Memory grows in steps of this size, or by the size of a larger state. */
const SLAB_BYTES = 1 << 20;
/** Spare bytes for a state that is new or no longer fits into its place. */
const SPARE_SHARE = 0.5;

/**
 * Encoded states of all entities of one kind, indexed from 0. Encoded states are several times smaller, so they stay in
 * the CPU caches, and backfills with many entities fit into memory.
 */
export class StateStore {
  private readonly slabs: Uint8Array[] = [];
  /** Bytes used in the last slab. */
  private used = 0;
  private readonly slabOf: Int32Array;
  private readonly starts: Int32Array;
  private readonly lengths: Int32Array;
  private readonly rooms: Int32Array;

  constructor(entities: number) {
    this.slabOf = new Int32Array(entities);
    this.starts = new Int32Array(entities);
    this.lengths = new Int32Array(entities);
    this.rooms = new Int32Array(entities);
  }

  /** The bytes of a state, valid until the state is stored again; null if the entity has no state. */
  get(entity: number): Uint8Array | null {
    const length = this.lengths[entity] ?? 0;
    const start = this.starts[entity] ?? 0;
    return length === 0 ? null : (this.slabs[this.slabOf[entity] ?? 0]?.subarray(start, start + length) ?? null);
  }

  /** Stores a copy. */
  set(entity: number, bytes: Uint8Array): void {
    if (bytes.length > (this.rooms[entity] ?? 0)) this.#allot(entity, Math.ceil(bytes.length * (1 + SPARE_SHARE)));
    this.lengths[entity] = bytes.length;
    this.slabs[this.slabOf[entity] ?? 0]?.set(bytes, this.starts[entity] ?? 0);
  }

  /**
   * A new place is 1.5 times the size of its state, which limits the share of memory that abandoned places take.
   */
  #allot(entity: number, room: number): void {
    if (this.used + room > (this.slabs.at(-1)?.length ?? 0)) {
      this.slabs.push(new Uint8Array(Math.max(SLAB_BYTES, room)));
      this.used = 0;
    }
    this.slabOf[entity] = this.slabs.length - 1;
    this.starts[entity] = this.used;
    this.rooms[entity] = room;
    this.used += room;
  }
}
