import { addToRing, aggregateRing, emptyAggregate, emptyRing, SQUARE_UNIT } from "../state/tile-ring.js";
import { readRing, writeRing } from "./entity-records.js";
import type { RingLayout } from "./record-layout.js";
import { RingEntries } from "./ring-entries.js";

/*
 * What tile-ring.ts does, for all events of an entity in a block at once. They come in order of time, so a window is a run
 * of entries: it grows at its end with every event, its start moves on, and what it holds is the difference of two running
 * totals. These are whole numbers as the engine's are, so the values are the same, however they were added up.
 */

/** One window's aggregates, a place per payment. Columns that no feature needs are empty. */
export interface WindowColumns {
  readonly count: Float64Array;
  readonly sum: Float64Array;
  readonly max: Float64Array;
  readonly squareHigh: Float64Array;
  readonly squareLow: Float64Array;
}

/** Where one entity's record starts. */
export interface RecordPlace {
  cells: Float64Array;
  marks: Int32Array;
  cell: number;
  mark: number;
}

/** A ring with the windows over it. */
export interface RingFold {
  readonly ring: RingLayout;
  readonly windows: readonly { readonly tilesBack: number; readonly into: WindowColumns }[];
}

/** The payments of several entities, those of one in a row. */
export interface PaymentTimes {
  readonly atMs: Float64Array;
  readonly thousandths: Float64Array;
}

const entries = new RingEntries();

/** For each payment from place `start` up to but without `end`: what its windows held before it. Then it is counted. */
export function foldPayments(
  record: RecordPlace,
  { ring, windows }: RingFold,
  payments: PaymentTimes,
  start: number,
  end: number,
): void {
  if (start === end) return;
  const { atMs, thousandths } = payments;
  const first = entries.load(record, ring, end - start);
  const sum = entries.add(atMs, thousandths, start, end, ring);
  if (sum > Number.MAX_SAFE_INTEGER) {
    foldLargeAmounts(record, { ring, windows }, payments, start, end);
    return;
  }
  for (const { tilesBack, into } of windows) {
    writeSums(first, start, end, tilesBack, into);
    if (ring.squares > 0) writeSquares(first, start, end, tilesBack, into);
    if (ring.max > 0) writeMaxima(first, start, end, tilesBack, into);
  }
  entries.store(record, ring);
}

/** The labels of several entities, those of one in a row. */
export interface LabelTimes {
  readonly atMs: Float64Array;
  /** 1 for a fraud, 0 for a genuine payment. */
  readonly frauds: Float64Array;
}

/**
 * For each payment from place `start` up to but without `end`: what its windows over labels held. Then the labels are
 * counted.
 *
 * @param known by place of a payment: how many of the block's labels had been reported
 */
export function foldLabels(
  record: RecordPlace,
  { ring, windows }: RingFold,
  labels: LabelTimes,
  span: { readonly start: number; readonly end: number },
  paymentsMs: Float64Array,
  known: Int32Array,
  start: number,
  end: number,
): void {
  const { tileMs } = ring;
  const first = entries.load(record, ring, span.end - span.start);
  entries.add(labels.atMs, labels.frauds, span.start, span.end, ring);
  const { tiles, counts, sums } = entries;
  const heads = entries.headsOf(paymentsMs, start, end, tileMs);
  for (const { tilesBack, into } of windows) {
    const { count, sum } = into;
    const needsSum = sum.length > 0;
    let from = 0;
    for (let at = start; at < end; at += 1) {
      const oldest = (heads[at - start] ?? 0) - tilesBack;
      const to = first + (known[at] ?? 0);
      while (from < to && (tiles[from] ?? 0) < oldest) from += 1;
      count[at] = (counts[to] ?? 0) - (counts[from] ?? 0);
      if (needsSum) sum[at] = (sums[to] ?? 0) - (sums[from] ?? 0);
    }
  }
  if (span.start < span.end) entries.store(record, ring);
}

/** Entry `first + n` is payment `start + n`. */
function writeSums(first: number, start: number, end: number, tilesBack: number, { count, sum }: WindowColumns): void {
  const { tiles, counts, sums } = entries;
  const needsSum = sum.length > 0;
  let from = 0;
  for (let at = start, entry = first; at < end; at += 1, entry += 1) {
    const oldest = (tiles[entry] ?? 0) - tilesBack;
    while ((tiles[from] ?? 0) < oldest) from += 1;
    count[at] = (counts[entry] ?? 0) - (counts[from] ?? 0);
    if (needsSum) sum[at] = (sums[entry] ?? 0) - (sums[from] ?? 0);
  }
}

function writeSquares(
  first: number,
  start: number,
  end: number,
  tilesBack: number,
  { squareHigh, squareLow }: WindowColumns,
): void {
  const { tiles, squareHighs, squareLows } = entries;
  let from = 0;
  for (let at = start, entry = first; at < end; at += 1, entry += 1) {
    const oldest = (tiles[entry] ?? 0) - tilesBack;
    while ((tiles[from] ?? 0) < oldest) from += 1;
    const low = (squareLows[entry] ?? 0) - (squareLows[from] ?? 0);
    const borrowed = low < 0 ? 1 : 0;
    squareHigh[at] = (squareHighs[entry] ?? 0) - (squareHighs[from] ?? 0) - borrowed;
    squareLow[at] = low + borrowed * SQUARE_UNIT;
  }
}

/** Entries that can still become the largest of a window wait in a queue, the largest and oldest first. */
function writeMaxima(first: number, start: number, end: number, tilesBack: number, { max }: WindowColumns): void {
  const { tiles, maxima, queue } = entries;
  let head = 0;
  let tail = 0;
  let next = 0;
  for (let at = start, entry = first; at < end; at += 1, entry += 1) {
    for (; next < entry; next += 1) {
      while (tail > head && (maxima[queue[tail - 1] ?? 0] ?? 0) <= (maxima[next] ?? 0)) tail -= 1;
      queue[tail] = next;
      tail += 1;
    }
    const oldest = (tiles[entry] ?? 0) - tilesBack;
    while (head < tail && (tiles[queue[head] ?? 0] ?? 0) < oldest) head += 1;
    max[at] = head < tail ? (maxima[queue[head] ?? 0] ?? 0) : 0;
  }
}

/** Where sums go beyond 2^53, they depend on the order of the adding: then the engine's own ring does it. */
function foldLargeAmounts(
  record: RecordPlace,
  { ring, windows }: RingFold,
  { atMs, thousandths }: PaymentTimes,
  start: number,
  end: number,
): void {
  const tiles = emptyRing();
  const aggregate = emptyAggregate();
  readRing(record, record, ring, tiles);
  for (let at = start; at < end; at += 1) {
    const tile = Math.floor((atMs[at] ?? 0) / ring.tileMs);
    for (const { tilesBack, into } of windows) {
      aggregateRing(tiles, tile - tilesBack, tile, aggregate);
      into.count[at] = aggregate.count;
      if (into.sum.length > 0) into.sum[at] = aggregate.sum;
      if (into.max.length > 0) into.max[at] = aggregate.max;
      if (into.squareHigh.length > 0) into.squareHigh[at] = aggregate.squareHigh;
      if (into.squareLow.length > 0) into.squareLow[at] = aggregate.squareLow;
    }
    addToRing(tiles, tile, tile - ring.tilesBack, thousandths[at] ?? 0, ring.squares > 0);
  }
  writeRing(record, record, ring, tiles);
}
