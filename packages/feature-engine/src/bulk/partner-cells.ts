import { NEVER_MS } from "../entity-state.js";
import { PARTNERS_MAX } from "../partner-table.js";
import type { RecordLayout } from "./record-layout.js";
import { PARTNER_SLOTS } from "./record-layout.js";

/*
 * What partner-table.ts does, for all payments of an entity in a block at once. They come in order of time, so the partner
 * of a payment always becomes the newest one, and where a window begins only moves on.
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

/** Folds the payments of one entity into its table of partners. */
export class PartnerFold {
  /** By window: place of the oldest partner within it. */
  private readonly bounds: Int32Array;
  private cells: Float64Array = new Float64Array(0);
  /** Place of the table's hashes in `cells`. Last times and counts stand behind them. */
  private cell = 0;
  /** Place of the oldest partner, and behind the newest one. */
  private first = 0;
  private end = 0;

  constructor(
    private readonly layout: RecordLayout,
    private readonly widthsMs: readonly number[],
    private readonly horizonMs: number,
  ) {
    this.bounds = new Int32Array(widthsMs.length);
  }

  /** For each payment from place `start` up to but without `end`: what was known of partners. Then it is counted. */
  fold(
    record: { readonly cells: Float64Array; readonly marks: Int32Array; readonly cell: number; readonly mark: number },
    { atMs, partnerHashes }: PartnerPayments,
    columns: PartnerColumns,
    start: number,
    end: number,
  ): void {
    const mark = record.mark + this.layout.partnerMark;
    this.cells = record.cells;
    this.cell = record.cell + this.layout.partnerCell;
    this.first = record.marks[mark] ?? 0;
    this.end = record.marks[mark + 1] ?? 0;
    this.bounds.fill(this.first);
    for (let at = start; at < end; at += 1) this.#meet(atMs[at] ?? 0, partnerHashes[at] ?? 0, columns, at);
    record.marks[mark] = this.first;
    record.marks[mark + 1] = this.end;
  }

  #meet(atMs: number, hash: number, { pairLastMs, pairCount, partners }: PartnerColumns, at: number): void {
    const { cells, cell, widthsMs, bounds } = this;
    const times = cell + PARTNER_SLOTS;
    const counts = times + PARTNER_SLOTS;
    const end = this.end;
    let first = this.first;
    while (first < end && (cells[times + first] ?? 0) <= atMs - this.horizonMs) first += 1;
    this.first = first;
    let place = end - 1;
    while (place >= first && cells[cell + place] !== hash) place -= 1;
    const known = place >= first;
    const count = known ? (cells[counts + place] ?? 0) : 0;
    pairLastMs[at] = known ? (cells[times + place] ?? 0) : NEVER_MS;
    pairCount[at] = count;
    for (let window = 0; window < bounds.length; window += 1) {
      const afterMs = atMs - (widthsMs[window] ?? 0);
      let bound = Math.max(bounds[window] ?? 0, first);
      while (bound < end && (cells[times + bound] ?? 0) <= afterMs) bound += 1;
      const into = partners[window];
      if (into !== undefined) into[at] = end - bound + (known && place >= bound ? 0 : 1);
      bounds[window] = known && place < bound ? bound - 1 : bound;
    }
    const newest = known ? this.#closeGap(place) : this.#makeRoom();
    cells[cell + newest] = hash;
    cells[times + newest] = atMs;
    cells[counts + newest] = count + 1;
  }

  /** Moves the partners behind a place on to it. @returns the place of the newest one, which is free then */
  #closeGap(place: number): number {
    const { cells, cell, end } = this;
    const times = cell + PARTNER_SLOTS;
    const counts = times + PARTNER_SLOTS;
    for (let to = place; to < end - 1; to += 1) {
      cells[cell + to] = cells[cell + to + 1] ?? 0;
      cells[times + to] = cells[times + to + 1] ?? 0;
      cells[counts + to] = cells[counts + to + 1] ?? 0;
    }
    return end - 1;
  }

  /** @returns a place for one partner more; where there are too many, the oldest one is forgotten */
  #makeRoom(): number {
    const { cells, cell, bounds, first } = this;
    if (this.end === PARTNER_SLOTS) {
      for (let column = 0; column < 3; column += 1) {
        const start = cell + column * PARTNER_SLOTS;
        cells.copyWithin(start, start + first, start + PARTNER_SLOTS);
      }
      for (let window = 0; window < bounds.length; window += 1) bounds[window] = (bounds[window] ?? 0) - first;
      this.first = 0;
      this.end -= first;
    }
    this.end += 1;
    this.first = Math.max(this.first, this.end - PARTNERS_MAX);
    return this.end - 1;
  }
}

/** The partners of a record, newest first: hash, newest event time in milliseconds, payments together. */
export function* partnersOf(
  cells: Float64Array,
  marks: Int32Array,
  { partnerCell, partnerMark }: RecordLayout,
  base: { readonly cell: number; readonly mark: number },
): Generator<readonly [hash: number, lastMs: number, count: number]> {
  const cell = base.cell + partnerCell;
  const mark = base.mark + partnerMark;
  const first = marks[mark] ?? 0;
  for (let place = (marks[mark + 1] ?? 0) - 1; place >= first; place -= 1) {
    const [hash = 0, lastMs = 0, count = 0] = [0, 1, 2].map((column) => cells[cell + column * PARTNER_SLOTS + place]);
    yield [hash, lastMs, count];
  }
}
