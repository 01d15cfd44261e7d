/** Number of event ids that an entity remembers. A repetition after this many other events is not recognised. */
export const RECENT_IDS_MAX = 16;

/** 64 bits of an id as two unsigned 32-bit words. */
export interface IdHash {
  high: number;
  low: number;
}

/** Hashes of the last events of one entity; oldest first once unrolled. Limited to `RECENT_IDS_MAX`. */
export class RecentIds {
  /** Pairs of (high, low); once the ring is full, the pair at `next` is the oldest. */
  private readonly words = new Uint32Array(RECENT_IDS_MAX * 2);
  private next = 0;
  private used = 0;

  get size(): number {
    return this.used;
  }

  clear(): void {
    this.next = 0;
    this.used = 0;
  }

  has(id: IdHash): boolean {
    for (let at = 0; at < this.used * 2; at += 2) {
      if (this.words[at] === id.high && this.words[at + 1] === id.low) return true;
    }
    return false;
  }

  /** Stores an id, by the two words of its hash, in place of the oldest one. */
  add(high: number, low: number): void {
    this.words[this.next * 2] = high;
    this.words[this.next * 2 + 1] = low;
    this.next = (this.next + 1) % RECENT_IDS_MAX;
    if (this.used < RECENT_IDS_MAX) this.used += 1;
  }

  /** Visits the hashes from the oldest to the newest. */
  forEach(visit: (high: number, low: number) => void): void {
    const first = this.used < RECENT_IDS_MAX ? 0 : this.next;
    for (let step = 0; step < this.used; step += 1) {
      const at = ((first + step) % RECENT_IDS_MAX) * 2;
      visit(this.words[at] ?? 0, this.words[at + 1] ?? 0);
    }
  }
}

/**
 * 64-bit hash of an id: two multiply-and-mix lanes over its UTF-16 units, combined at the end. It only needs to
 * distinguish the few ids of one entity and is not used for security.
 */
export function hashId(text: string, into: IdHash): void {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x2c1b3c6d);
    low = Math.imul(low ^ unit, 0x297a2d39);
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  high = Math.imul(high ^ (low >>> 16), 0x7feb352d);
  low = Math.imul(low ^ (high >>> 15), 0x846ca68b);
  into.high = (high ^ (low >>> 14)) >>> 0;
  into.low = (low ^ (high >>> 16)) >>> 0;
}
