import { NEVER_MS } from "../state/entity-state.js";
import { PARTNERS_MAX } from "../state/partner-table.js";
import type { RecordLayout } from "./record-layout.js";

/*
 * What partner-table.ts does, for all payments of an entity in a block at once. They come in order of time, so the partner
 * of a payment always becomes the newest one, and where a window begins only moves on. So the partners form a chain from
 * the oldest to the newest, a hash table finds them, and nothing is ever searched or shifted.
 */

/** What an entity knew of its partners before each payment, a place per payment. */
export interface PartnerColumns {
  readonly pairLastMs: Float64Array;
  readonly pairCount: Float64Array;
  /** Different partners, one column per window. */
  readonly partners: readonly Float64Array[];
}

export interface PartnerPayments {
  readonly atMs: Float64Array;
  readonly partnerHashes: Float64Array;
}

/** Where one entity's record is. */
interface Place {
  readonly cells: Float64Array;
  readonly marks: Int32Array;
  readonly cell: number;
  readonly mark: number;
}

/** In place of a partner. */
const NOBODY = -1;
/** Time of a partner that was forgotten and may come back. */
const FORGOTTEN = Number.NEGATIVE_INFINITY;

/** Folds the payments of one entity into its table of partners. */
export class PartnerFold {
  private hashes = new Float64Array(0);
  private times = new Float64Array(0);
  private counts = new Float64Array(0);
  private newer = new Int32Array(0);
  private older = new Int32Array(0);
  /** Partners by their hash, at its place or the next free one; 0 for none, n for partner n - 1. */
  private table = new Int32Array(0);
  private mask = 0;
  /** Partners in use, and those of them that are not forgotten. */
  private used = 0;
  private kept = 0;
  private oldest = NOBODY;
  private newest = NOBODY;
  /** By window: the oldest partner within it, and how many are. */
  private readonly bounds: Int32Array;
  private readonly inside: Int32Array;

  constructor(
    private readonly layout: RecordLayout,
    private readonly widthsMs: readonly number[],
    private readonly horizonMs: number,
  ) {
    this.bounds = new Int32Array(widthsMs.length);
    this.inside = new Int32Array(widthsMs.length);
  }

  /** For each payment from place `start` up to but without `end`: what was known of partners. Then it is counted. */
  fold(
    record: Place,
    { atMs, partnerHashes }: PartnerPayments,
    columns: PartnerColumns,
    start: number,
    end: number,
  ): void {
    if (start === end) return;
    this.#load(record, end - start);
    for (let at = start; at < end; at += 1) this.#meet(atMs[at] ?? 0, partnerHashes[at] ?? 0, columns, at);
    this.#store(record);
  }

  #meet(atMs: number, hash: number, { pairLastMs, pairCount, partners }: PartnerColumns, at: number): void {
    const { times, counts, newer, widthsMs, bounds, inside } = this;
    while (this.oldest !== NOBODY && (times[this.oldest] ?? 0) <= atMs - this.horizonMs) this.#forgetOldest();
    const partner = this.#find(hash);
    const lastMs = times[partner] ?? FORGOTTEN;
    const known = lastMs !== FORGOTTEN;
    pairLastMs[at] = known ? lastMs : NEVER_MS;
    const count = known ? (counts[partner] ?? 0) : 0;
    pairCount[at] = count;
    for (let window = 0; window < bounds.length; window += 1) {
      const afterMs = atMs - (widthsMs[window] ?? 0);
      let bound = bounds[window] ?? NOBODY;
      let within = inside[window] ?? 0;
      for (; bound !== NOBODY && (times[bound] ?? 0) <= afterMs; within -= 1) bound = newer[bound] ?? NOBODY;
      if (lastMs <= afterMs) within += 1;
      else if (bound === partner && partner !== this.newest) bound = newer[partner] ?? NOBODY;
      const into = partners[window];
      if (into !== undefined) into[at] = within;
      bounds[window] = bound === NOBODY ? partner : bound;
      inside[window] = within;
    }
    if (!known || partner !== this.newest) this.#makeNewest(partner, known);
    times[partner] = atMs;
    counts[partner] = count + 1;
    if (this.kept > PARTNERS_MAX) this.#forgetOldest();
  }

  /** The partner with a hash, a forgotten one where it was unknown. */
  #find(hash: number): number {
    const { table, mask, hashes } = this;
    let place = hash & mask;
    for (let entry = table[place] ?? 0; entry !== 0; entry = table[place] ?? 0) {
      if (hashes[entry - 1] === hash) return entry - 1;
      place = (place + 1) & mask;
    }
    return this.#add(place, hash);
  }

  #add(place: number, hash: number): number {
    const partner = this.used;
    this.used += 1;
    this.table[place] = this.used;
    this.hashes[partner] = hash;
    this.times[partner] = FORGOTTEN;
    return partner;
  }

  #makeNewest(partner: number, known: boolean): void {
    const { newer, older } = this;
    if (known) {
      const [before = NOBODY, after = NOBODY] = [older[partner], newer[partner]];
      if (before === NOBODY) this.oldest = after;
      else newer[before] = after;
      older[after] = before;
    } else {
      this.kept += 1;
    }
    older[partner] = this.newest;
    newer[partner] = NOBODY;
    if (this.newest === NOBODY) this.oldest = partner;
    else newer[this.newest] = partner;
    this.newest = partner;
  }

  #forgetOldest(): void {
    const { newer, older, times, bounds, inside, oldest } = this;
    const next = newer[oldest] ?? NOBODY;
    for (let window = 0; window < bounds.length; window += 1) {
      if (bounds[window] !== oldest) continue;
      bounds[window] = next;
      inside[window] = (inside[window] ?? 0) - 1;
    }
    times[oldest] = FORGOTTEN;
    this.oldest = next;
    if (next === NOBODY) this.newest = NOBODY;
    else older[next] = NOBODY;
    this.kept -= 1;
  }

  /** Takes up a record's partners, with room for `payments` that are all with others. */
  #load({ cells, marks, cell, mark }: Place, payments: number): void {
    const { partnerCell, partnerMark } = this.layout;
    const count = marks[mark + partnerMark] ?? 0;
    if (count + payments > this.hashes.length) this.#grow(count + payments);
    // The table is at most half full, and no larger than it has to be: it is emptied for every entity.
    const slots = 2 ** Math.ceil(Math.log2(2 * (count + payments)));
    this.mask = slots - 1;
    this.table.fill(0, 0, slots);
    this.used = 0;
    for (let partner = 0; partner < count; partner += 1) {
      const start = cell + partnerCell + partner * 3;
      this.#find(cells[start] ?? 0);
      this.times[partner] = cells[start + 1] ?? 0;
      this.counts[partner] = cells[start + 2] ?? 0;
      this.older[partner] = partner - 1;
      this.newer[partner] = partner + 1;
    }
    if (count > 0) this.newer[count - 1] = NOBODY;
    this.kept = count;
    this.oldest = count > 0 ? 0 : NOBODY;
    this.newest = count - 1;
    this.bounds.fill(this.oldest);
    this.inside.fill(count);
  }

  #store({ cells, marks, cell, mark }: Place): void {
    const { hashes, times, counts, newer } = this;
    let start = cell + this.layout.partnerCell;
    for (let partner = this.oldest; partner !== NOBODY; partner = newer[partner] ?? NOBODY) {
      cells[start] = hashes[partner] ?? 0;
      cells[start + 1] = times[partner] ?? 0;
      cells[start + 2] = counts[partner] ?? 0;
      start += 3;
    }
    marks[mark + this.layout.partnerMark] = this.kept;
  }

  #grow(partners: number): void {
    const length = partners * 2;
    this.hashes = new Float64Array(length);
    this.times = new Float64Array(length);
    this.counts = new Float64Array(length);
    this.newer = new Int32Array(length);
    this.older = new Int32Array(length);
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(2 * length)));
  }
}
