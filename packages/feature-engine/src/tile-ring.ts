/** What some tiles add up to. */
export interface Aggregate {
  count: number;
  sum: number;
  /** 0 where there are no tiles: amounts are not negative. */
  max: number;
  /** Sum of squares = squareHigh × 2^40 + squareLow, see `SQUARE_UNIT`. */
  squareHigh: number;
  squareLow: number;
}

/**
 * Tiles of one ring with their totals. `tiles` holds them in ascending order of their index, six numbers each: index,
 * count, sum, max, squareHigh, squareLow; one flat array, because a backfill keeps hundreds of thousands of rings. The
 * index is floor(event time / tile width). For labels the sum counts frauds. Sums are integers, so totals can be kept up
 * to date by adding and subtracting, without rounding.
 */
export interface TileRing extends Aggregate {
  readonly tiles: number[];
}

/** Numbers per tile in `tiles`. */
export const TILE_STRIDE = 6;

/** Weight of `squareHigh`. Squares of 40-bit integers do not fit into a double, so they are kept in two parts. */
export const SQUARE_UNIT = 2 ** 40;
/** Larger values are squared as this one: a thousandth of it is 1.1 billion in major units. */
const SQUARED_MAX = 2 ** 40 - 1;
const HALF_UNIT = 2 ** 20;

export function emptyAggregate(): Aggregate {
  return { count: 0, sum: 0, max: 0, squareHigh: 0, squareLow: 0 };
}

export function emptyRing(): TileRing {
  return { tiles: [], ...emptyAggregate() };
}

/** Appends a tile that is newer than all others. */
export function pushTile(ring: TileRing, index: number, tile: Aggregate): void {
  ring.tiles.push(index, tile.count, tile.sum, tile.max, tile.squareHigh, tile.squareLow);
  ring.count += tile.count;
  ring.sum += tile.sum;
  ring.max = Math.max(ring.max, tile.max);
  ring.squareHigh += tile.squareHigh;
  ring.squareLow += tile.squareLow;
}

const square = { high: 0, low: 0 };

/**
 * The square of an integer as `high` × 2^40 + `low`, by halves of 20 bits.
 *
 * @returns an object that the next call fills anew
 */
export function squareOf(value: number): Readonly<{ high: number; low: number }> {
  const limited = Math.min(value, SQUARED_MAX);
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
 * Adds one event to its tile and drops tiles below `oldest`, so that a ring never holds more tiles than its widest
 * window covers.
 *
 * @param squares whether the ring keeps sums of squares
 * @returns false, and the ring keeps what it had, when the event's own tile is below `oldest`: too late to count.
 */
export function addToRing(ring: TileRing, tile: number, oldest: number, amount: number, squares: boolean): boolean {
  dropBelow(ring, oldest);
  if (tile < oldest) return false;
  const { tiles } = ring;
  let at = tiles.length - TILE_STRIDE;
  while (at >= 0 && numberAt(tiles, at) > tile) at -= TILE_STRIDE;
  if (at < 0 || tiles[at] !== tile) {
    at += TILE_STRIDE;
    if (at === tiles.length) tiles.push(tile, 0, 0, 0, 0, 0);
    else tiles.splice(at, 0, tile, 0, 0, 0, 0, 0);
  }
  const before = numberAt(tiles, at + 2);
  // A sum beyond 2^53 would lose the exactness that makes it independent of order; it stays at the bound instead.
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

function addSquare(ring: TileRing, at: number, amount: number): void {
  squareOf(amount);
  const before = numberAt(ring.tiles, at + 4);
  const low = numberAt(ring.tiles, at + 5) + square.low;
  const carry = low >= SQUARE_UNIT ? 1 : 0;
  // As the sum, it stays at the bound of what can be stored. A sum gets there first: no value is below its squareHigh.
  const high = Math.min(before + square.high + carry, Number.MAX_SAFE_INTEGER);
  ring.tiles[at + 4] = high;
  ring.tiles[at + 5] = low - carry * SQUARE_UNIT;
  ring.squareHigh += high - before;
  ring.squareLow += square.low - carry * SQUARE_UNIT;
}

/**
 * Adds up the tiles from `oldest` to `newest`, both included, into `into`. It starts from the totals and looks only at
 * tiles outside the window, of which there are few, instead of at all inside.
 */
export function aggregateRing(ring: TileRing, oldest: number, newest: number, into: Aggregate): void {
  const { tiles } = ring;
  into.count = ring.count;
  into.sum = ring.sum;
  into.max = ring.max;
  into.squareHigh = ring.squareHigh;
  into.squareLow = ring.squareLow;
  let outsideMax = -1;
  let from = 0;
  let to = tiles.length - TILE_STRIDE;
  for (; from <= to && numberAt(tiles, from) < oldest; from += TILE_STRIDE) {
    outsideMax = Math.max(outsideMax, numberAt(tiles, from + 3));
    subtractTile(into, tiles, from);
  }
  for (; to >= from && numberAt(tiles, to) > newest; to -= TILE_STRIDE) {
    outsideMax = Math.max(outsideMax, numberAt(tiles, to + 3));
    subtractTile(into, tiles, to);
  }
  if (outsideMax === ring.max || ring.sum > Number.MAX_SAFE_INTEGER) scanTiles(tiles, from, to, into);
}

/** Removes tiles below `oldest`. */
function dropBelow(ring: TileRing, oldest: number): void {
  const { tiles } = ring;
  const wasExact = ring.sum <= Number.MAX_SAFE_INTEGER;
  let droppedMax = -1;
  let end = 0;
  for (; end < tiles.length && numberAt(tiles, end) < oldest; end += TILE_STRIDE) {
    droppedMax = Math.max(droppedMax, numberAt(tiles, end + 3));
    subtractTile(ring, tiles, end);
  }
  if (end === 0) return;
  tiles.splice(0, end);
  if (droppedMax === ring.max || !wasExact) scanTiles(tiles, 0, tiles.length - TILE_STRIDE, ring);
}

/** Takes the tile at `at` out of all but the maximum. */
function subtractTile(from: Aggregate, tiles: readonly number[], at: number): void {
  from.count -= numberAt(tiles, at + 1);
  from.sum -= numberAt(tiles, at + 2);
  from.squareHigh -= numberAt(tiles, at + 4);
  from.squareLow -= numberAt(tiles, at + 5);
}

/** Adds up the tiles at positions from `from` to `to`, both included. */
function scanTiles(tiles: readonly number[], from: number, to: number, into: Aggregate): void {
  into.count = 0;
  into.sum = 0;
  into.max = 0;
  into.squareHigh = 0;
  into.squareLow = 0;
  for (let at = from; at <= to; at += TILE_STRIDE) {
    into.count += numberAt(tiles, at + 1);
    into.sum += numberAt(tiles, at + 2);
    into.max = Math.max(into.max, numberAt(tiles, at + 3));
    into.squareHigh += numberAt(tiles, at + 4);
    into.squareLow += numberAt(tiles, at + 5);
  }
}

function numberAt(tiles: readonly number[], at: number): number {
  return tiles[at] ?? 0;
}
