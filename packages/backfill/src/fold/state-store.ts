/** Memory grows by so many bytes at a time, or by one state that is larger. */
const SLAB_BYTES = 1 << 20;
/** Room beside a state that is stored for the first time or has outgrown its place. */
const SPARE_SHARE = 0.5;

/**
 * Encoded states of the entities of one kind, by number from 0. Encoded, a state is several times smaller than decoded: it
 * stays in the processor's caches, and backfills of many entities fit into memory.
 */
export class StateStore {
  private readonly slabs: Uint8Array[] = [];
  /** Bytes in use of the last slab. */
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

  /** The bytes of a state, valid until it is stored again; null for an entity that has none. */
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

  /** Each place is half as large again as what outgrew the one before, so abandoned places stay a bounded share. */
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
