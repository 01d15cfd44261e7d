/** The aggregate of some tiles. */
export interface Aggregate {
  count: number;
  sum: number;
  /** 0 if there are no tiles: amounts are not negative. */
  max: number;
  /** Sum of squares = squareHigh × 2^40 + squareLow, see `SQUARE_UNIT`. */
  squareHigh: number;
  squareLow: number;
}

/**
 * Tiles of one ring with their totals. `tiles` contains the tiles in ascending order of their index, with six numbers
 * each: index, count, sum, max, squareHigh, squareLow. The index is floor(event time / tile width). For labels, the sum
 * is the number of frauds. Sums are integers, so totals can be updated by adding and subtracting, without rounding
 * errors.
 */
export interface TileRing extends Aggregate {
  /** Only the first `used` numbers are valid; the others are spare capacity, which rings decoded later may use. */
  tiles: Float64Array;
  /** Numbers in use: `TILE_STRIDE` for each tile. */
  used: number;
}

/** Numbers per tile in `tiles`. */
export const TILE_STRIDE = 6;

/** Weight of `squareHigh`. Squares of 40-bit integers do not fit into a double, so they are stored in two parts. */
export const SQUARE_UNIT = 2 ** 40;
/** Larger values are capped before squaring. This many thousandths are 1.1 billion in major units. */
const SQUARED_MAX = 2 ** 40 - 1;
const HALF_UNIT = 2 ** 20;

export function emptyAggregate(): Aggregate {
  return { count: 0, sum: 0, max: 0, squareHigh: 0, squareLow: 0 };
}

/** Memory of a ring without tiles. Most rings of most entities stay empty. */
const NO_TILES = new Float64Array(0);
/** Initial capacity of a ring, in tiles. */
const FIRST_TILES = 4;

export function emptyRing(): TileRing {
  return { tiles: NO_TILES, used: 0, count: 0, sum: 0, max: 0, squareHigh: 0, squareLow: 0 };
}

/** Empties a ring but keeps its memory. */
export function clearRing(ring: TileRing): void {
  ring.used = 0;
  ring.count = 0;
  ring.sum = 0;
  ring.max = 0;
  ring.squareHigh = 0;
  ring.squareLow = 0;
}

/** Ensures a capacity of `numbers` in `tiles`. */
export function makeRoom(ring: TileRing, numbers: number): void {
  if (numbers <= ring.tiles.length) return;
  const grown = new Float64Array(Math.max(FIRST_TILES * TILE_STRIDE, numbers, ring.tiles.length * 2));
  grown.set(ring.tiles);
  ring.tiles = grown;
}

const square = { high: 0, low: 0 };

/**
 * The square of an integer as `high` × 2^40 + `low`, computed in halves of 20 bits.
 *
 * @returns an object that the next call overwrites
 */
export function squareOf(value: number): Readonly<{ high: number; low: number }> {
  const limited = Math.min(value, SQUARED_MAX);
  if (limited < HALF_UNIT) {
    square.high = 0;
    square.low = limited * limited;
    return square;
  }
  const high = Math.floor(limited / HALF_UNIT);
  const low = limited - high * HALF_UNIT;
  const middle = 2 * high * low;
  const carried = Math.floor(middle / HALF_UNIT);
  const rest = (middle - carried * HALF_UNIT) * HALF_UNIT + low * low;
  square.high = high * high + carried + (rest >= SQUARE_UNIT ? 1 : 0);
  square.low = rest >= SQUARE_UNIT ? rest - SQUARE_UNIT : rest;
  return square;
}

/**
 * Adds one event to its tile and drops tiles below `oldest`, so that a ring never has more tiles than its widest window
 * covers.
 *
 * @param squares whether the ring keeps sums of squares
 * @returns false if the event was not counted because its own tile is below `oldest`, which means that it is too late.
 */
export function addToRing(ring: TileRing, tile: number, oldest: number, amount: number, squares: boolean): boolean {
  dropBelow(ring, oldest);
  if (tile < oldest) return false;
  const at = placeTile(ring, tile);
  const { tiles } = ring;
  const before = numberAt(tiles, at + 2);
  // A sum beyond 2^53 would be inexact and therefore depend on the order, so it is capped.
  const sum = Math.min(before + amount, Number.MAX_SAFE_INTEGER);
  tiles[at + 1] = numberAt(tiles, at + 1) + 1;
  tiles[at + 2] = sum;
  tiles[at + 3] = Math.max(numberAt(tiles, at + 3), amount);
  ring.count += 1;
  ring.sum += sum - before;
  ring.max = Math.max(ring.max, amount);
  if (squares) addSquare(ring, at, amount);
  return true;
}

/**
 * Removes an event with the amount 0 or 1 from its tile. The ring then equals one to which the event was never added.
 * Does nothing if the tile has expired or has no such event.
 *
 * @param sums whether the ring keeps sums; otherwise, the amount is ignored
 */
export function takeFromRing(ring: TileRing, tile: number, amount: 0 | 1, sums: boolean): void {
  const { tiles, used } = ring;
  let at = 0;
  while (at < used && numberAt(tiles, at) !== tile) at += TILE_STRIDE;
  if (at >= used) return;
  const [count, sum] = [numberAt(tiles, at + 1), numberAt(tiles, at + 2)];
  if (sums && (amount === 1 ? sum === 0 : sum === count)) return;
  if (count === 1) {
    tiles.copyWithin(at, at + TILE_STRIDE, used);
    ring.used = used - TILE_STRIDE;
  } else {
    tiles[at + 1] = count - 1;
    tiles[at + 2] = Math.max(0, sum - amount);
    tiles[at + 3] = Math.min(1, tiles[at + 2] ?? 0);
  }
  totalTiles(ring);
}

/** Finds the tile with an index, or inserts an empty one. @returns the start of the tile in `tiles` */
function placeTile(ring: TileRing, index: number): number {
  const { used } = ring;
  let at = used - TILE_STRIDE;
  while (at >= 0 && numberAt(ring.tiles, at) > index) at -= TILE_STRIDE;
  if (at >= 0 && ring.tiles[at] === index) return at;
  at += TILE_STRIDE;
  makeRoom(ring, used + TILE_STRIDE);
  const { tiles } = ring;
  // The usual case: the new tile is the newest, so nothing has to be moved. Calls to built-in functions would dominate
  // the cost.
  if (at < used) tiles.copyWithin(at + TILE_STRIDE, at, used);
  tiles[at] = index;
  tiles[at + 1] = 0;
  tiles[at + 2] = 0;
  tiles[at + 3] = 0;
  tiles[at + 4] = 0;
  tiles[at + 5] = 0;
  ring.used = used + TILE_STRIDE;
  return at;
}

function addSquare(ring: TileRing, at: number, amount: number): void {
  squareOf(amount);
  const before = numberAt(ring.tiles, at + 4);
  const low = numberAt(ring.tiles, at + 5) + square.low;
  const carry = low >= SQUARE_UNIT ? 1 : 0;
  // Capped at the largest number that can be stored, like the sum, which reaches that number first: squareHigh <=
  // amount.
  const high = Math.min(before + square.high + carry, Number.MAX_SAFE_INTEGER);
  ring.tiles[at + 4] = high;
  ring.tiles[at + 5] = low - carry * SQUARE_UNIT;
  ring.squareHigh += high - before;
  ring.squareLow += square.low - carry * SQUARE_UNIT;
}

/** Aggregates the tiles from `oldest` to `newest`, both inclusive, into `into`. */
export function aggregateRing(ring: TileRing, oldest: number, newest: number, into: Aggregate): void {
  const { tiles, used } = ring;
  if (used === 0) {
    into.count = into.sum = into.max = into.squareHigh = into.squareLow = 0;
    return;
  }
  let from = 0;
  while (from < used && numberAt(tiles, from) < oldest) from += TILE_STRIDE;
  let to = used - TILE_STRIDE;
  while (to >= from && numberAt(tiles, to) > newest) to -= TILE_STRIDE;
  // Most windows exclude only a few tiles at the old end, which are then subtracted from the totals.
  const isMost = from * 2 <= used && to === used - TILE_STRIDE && ring.sum <= Number.MAX_SAFE_INTEGER;
  if (!(isMost && totalWithout(ring, from, into))) scanTiles(tiles, from, to, into);
}

/** Totals of a ring without its tiles before `end`. @returns false if those tiles include the largest amount */
function totalWithout(ring: TileRing, end: number, into: Aggregate): boolean {
  const { tiles } = ring;
  let { count, sum, squareHigh, squareLow } = ring;
  for (let at = 0; at < end; at += TILE_STRIDE) {
    if (tiles[at + 3] === ring.max) return false;
    count -= numberAt(tiles, at + 1);
    sum -= numberAt(tiles, at + 2);
    squareHigh -= numberAt(tiles, at + 4);
    squareLow -= numberAt(tiles, at + 5);
  }
  into.count = count;
  into.sum = sum;
  into.max = ring.max;
  into.squareHigh = squareHigh;
  into.squareLow = squareLow;
  return true;
}

/** Removes tiles below `oldest`. */
function dropBelow(ring: TileRing, oldest: number): void {
  const { tiles, used } = ring;
  let end = 0;
  while (end < used && numberAt(tiles, end) < oldest) end += TILE_STRIDE;
  if (end === 0) return;
  const isTotal = ring.sum <= Number.MAX_SAFE_INTEGER && totalWithout(ring, end, ring);
  if (end < used) tiles.copyWithin(0, end, used);
  ring.used = used - end;
  if (!isTotal) totalTiles(ring);
}

/** Recomputes the totals of a ring from its tiles. */
export function totalTiles(ring: TileRing): void {
  scanTiles(ring.tiles, 0, ring.used - TILE_STRIDE, ring);
}

/** Aggregates the tiles at positions from `from` to `to`, both inclusive. */
function scanTiles(tiles: Float64Array, from: number, to: number, into: Aggregate): void {
  let count = 0;
  let sum = 0;
  let max = 0;
  let squareHigh = 0;
  let squareLow = 0;
  for (let at = from; at <= to; at += TILE_STRIDE) {
    count += numberAt(tiles, at + 1);
    sum += numberAt(tiles, at + 2);
    max = Math.max(max, numberAt(tiles, at + 3));
    squareHigh += numberAt(tiles, at + 4);
    squareLow += numberAt(tiles, at + 5);
  }
  into.count = count;
  into.sum = sum;
  into.max = max;
  into.squareHigh = squareHigh;
  into.squareLow = squareLow;
}

function numberAt(tiles: Float64Array, at: number): number {
  return tiles[at] ?? 0;
}
