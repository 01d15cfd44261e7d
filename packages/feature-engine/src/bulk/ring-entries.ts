import { SQUARE_UNIT, squareOf } from "../state/tile-ring.js";
import type { RingLayout } from "./record-layout.js";

/** Where one entity's record is. */
interface Place {
  readonly cells: Float64Array;
  readonly marks: Int32Array;
  readonly cell: number;
  readonly mark: number;
}

/**
 * The tiles of one ring and behind them the new events of its entity, in order of time. One of these is used for all rings,
 * one after the other.
 */
export class RingEntries {
  /** Index of the tile that an entry is or belongs to. */
  tiles = new Float64Array(0);
  /** Running totals: place n holds what is in the entries before entry n. */
  counts = new Float64Array(0);
  sums = new Float64Array(0);
  squareHighs = new Float64Array(0);
  squareLows = new Float64Array(0);
  /** The largest amount in an entry. */
  maxima = new Float64Array(0);
  /** Room for a place per entry. */
  queue = new Int32Array(0);
  private heads = new Float64Array(0);
  private used = 0;

  /** Takes up a record's tiles, with room for `events` more entries. @returns how many tiles there are */
  load(record: Place, ring: RingLayout, events: number): number {
    const { cells, marks } = record;
    const used = marks[record.mark + ring.mark] ?? 0;
    if (used + events >= this.tiles.length) this.#grow(used + events + 1);
    const { tiles, counts, sums, maxima } = this;
    const { stride, max } = ring;
    let count = 0;
    let sum = 0;
    let cell = record.cell + ring.cell;
    for (let tile = 0; tile < used; tile += 1, cell += stride) {
      tiles[tile] = cells[cell] ?? 0;
      count += cells[cell + 1] ?? 0;
      sum += cells[cell + 2] ?? 0;
      counts[tile + 1] = count;
      sums[tile + 1] = sum;
      if (max > 0) maxima[tile] = cells[cell + max] ?? 0;
    }
    if (ring.squares > 0) this.#loadSquares(cells, record.cell + ring.cell, ring, used);
    this.used = used;
    return used;
  }

  /** Adds the events from place `start` up to but without `end`. @returns the sum of all entries */
  add(
    atMs: Float64Array,
    amounts: Float64Array,
    start: number,
    end: number,
    { tileMs, max, squares }: RingLayout,
  ): number {
    const { tiles, counts, sums, maxima, used } = this;
    let count = counts[used] ?? 0;
    let sum = sums[used] ?? 0;
    let entry = used;
    for (let at = start; at < end; at += 1, entry += 1) {
      const amount = amounts[at] ?? 0;
      tiles[entry] = Math.floor((atMs[at] ?? 0) / tileMs);
      count += 1;
      sum += amount;
      counts[entry + 1] = count;
      sums[entry + 1] = sum;
      if (max > 0) maxima[entry] = amount;
    }
    if (squares > 0) this.#addSquares(amounts, start, end);
    this.used = entry;
    return sum;
  }

  /** Indices of the tiles in which the times from place `start` on lie, from place 0 on. */
  headsOf(atMs: Float64Array, start: number, end: number, tileMs: number): Float64Array {
    if (end - start > this.heads.length) this.heads = new Float64Array((end - start) * 2);
    const { heads } = this;
    for (let at = start; at < end; at += 1) heads[at - start] = Math.floor((atMs[at] ?? 0) / tileMs);
    return heads;
  }

  /** Makes a record's tiles of what is not out of reach of the newest entry. There has to be one. */
  store(record: Place, { cell: offset, mark, tilesBack, stride, max, squares }: RingLayout): void {
    const { tiles, counts, sums, squareHighs, squareLows, used } = this;
    const { cells, marks } = record;
    const oldest = (tiles[used - 1] ?? 0) - tilesBack;
    let from = 0;
    while ((tiles[from] ?? 0) < oldest) from += 1;
    let kept = 0;
    for (let cell = record.cell + offset; from < used; cell += stride, kept += 1) {
      const tile = tiles[from] ?? 0;
      let to = from + 1;
      while (to < used && tiles[to] === tile) to += 1;
      cells[cell] = tile;
      cells[cell + 1] = (counts[to] ?? 0) - (counts[from] ?? 0);
      cells[cell + 2] = (sums[to] ?? 0) - (sums[from] ?? 0);
      if (max > 0) cells[cell + max] = this.#largest(from, to);
      if (squares > 0) {
        const low = (squareLows[to] ?? 0) - (squareLows[from] ?? 0);
        const borrowed = low < 0 ? 1 : 0;
        cells[cell + squares] = (squareHighs[to] ?? 0) - (squareHighs[from] ?? 0) - borrowed;
        cells[cell + squares + 1] = low + borrowed * SQUARE_UNIT;
      }
      from = to;
    }
    marks[record.mark + mark] = kept;
  }

  #largest(from: number, to: number): number {
    let largest = 0;
    for (let entry = from; entry < to; entry += 1) largest = Math.max(largest, this.maxima[entry] ?? 0);
    return largest;
  }

  #loadSquares(cells: Float64Array, start: number, { stride, squares }: RingLayout, used: number): void {
    for (let tile = 0; tile < used; tile += 1) {
      const cell = start + tile * stride + squares;
      this.#addSquare(tile, cells[cell] ?? 0, cells[cell + 1] ?? 0);
    }
  }

  #addSquares(amounts: Float64Array, start: number, end: number): void {
    let entry = this.used;
    for (let at = start; at < end; at += 1, entry += 1) {
      const square = squareOf(amounts[at] ?? 0);
      this.#addSquare(entry, square.high, square.low);
    }
  }

  #addSquare(entry: number, high: number, low: number): void {
    const { squareHighs, squareLows } = this;
    const sum = (squareLows[entry] ?? 0) + low;
    const carry = sum >= SQUARE_UNIT ? 1 : 0;
    squareHighs[entry + 1] = (squareHighs[entry] ?? 0) + high + carry;
    squareLows[entry + 1] = sum - carry * SQUARE_UNIT;
  }

  #grow(entries: number): void {
    // Place 0 of each total stays 0; the others are written before they are read.
    const length = entries * 2;
    this.tiles = new Float64Array(length);
    this.counts = new Float64Array(length);
    this.sums = new Float64Array(length);
    this.squareHighs = new Float64Array(length);
    this.squareLows = new Float64Array(length);
    this.maxima = new Float64Array(length);
    this.queue = new Int32Array(length);
  }
}
