/** What some tiles add up to. */
export interface Aggregate {
  count: number;
  sum: number;
  /** 0 where there are no tiles: amounts are not negative. */
  max: number;
}

/**
 * Tiles of one ring with their totals. `tiles` holds them in ascending order of their index, four numbers each: index,
 * count, sum, max; one flat array, because a backfill keeps hundreds of thousands of rings. The index is
 * floor(event time / tile width). For labels the sum counts frauds. Sums are integers, so totals can be kept up to date
 * by adding and subtracting, without rounding.
 */
export interface TileRing extends Aggregate {
  readonly tiles: number[];
}

/** Numbers per tile in `tiles`. */
export const TILE_STRIDE = 4;

export function emptyRing(): TileRing {
  return { tiles: [], count: 0, sum: 0, max: 0 };
}

/** Appends a tile that is newer than all others. */
export function pushTile(ring: TileRing, index: number, count: number, sum: number, max: number): void {
  ring.tiles.push(index, count, sum, max);
  ring.count += count;
  ring.sum += sum;
  ring.max = Math.max(ring.max, max);
}

/**
 * Adds one event to its tile and drops tiles below `oldest`, so that a ring never holds more tiles than its widest
 * window covers.
 *
 * @returns false, and the ring keeps what it had, when the event's own tile is below `oldest`: too late to count.
 */
export function addToRing(ring: TileRing, tile: number, oldest: number, amount: number): boolean {
  dropBelow(ring, oldest);
  if (tile < oldest) return false;
  const { tiles } = ring;
  let at = tiles.length - TILE_STRIDE;
  while (at >= 0 && numberAt(tiles, at) > tile) at -= TILE_STRIDE;
  if (at === tiles.length - TILE_STRIDE && tiles[at] !== tile) {
    pushTile(ring, tile, 1, amount, amount);
    return true;
  }
  if (at < 0 || tiles[at] !== tile) {
    at += TILE_STRIDE;
    tiles.splice(at, 0, tile, 0, 0, 0);
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
  return true;
}

/**
 * Adds up the tiles from `oldest` to `newest`, both included, into `into`. It starts from the totals and looks only at
 * tiles outside the window, of which there are few, instead of at all inside.
 */
export function aggregateRing(ring: TileRing, oldest: number, newest: number, into: Aggregate): void {
  const { tiles } = ring;
  let { count, sum } = ring;
  let outsideMax = -1;
  let from = 0;
  let to = tiles.length - TILE_STRIDE;
  for (; from <= to && numberAt(tiles, from) < oldest; from += TILE_STRIDE) {
    count -= numberAt(tiles, from + 1);
    sum -= numberAt(tiles, from + 2);
    outsideMax = Math.max(outsideMax, numberAt(tiles, from + 3));
  }
  for (; to >= from && numberAt(tiles, to) > newest; to -= TILE_STRIDE) {
    count -= numberAt(tiles, to + 1);
    sum -= numberAt(tiles, to + 2);
    outsideMax = Math.max(outsideMax, numberAt(tiles, to + 3));
  }
  if (outsideMax === ring.max || ring.sum > Number.MAX_SAFE_INTEGER) {
    scanTiles(tiles, from, to, into);
    return;
  }
  into.count = count;
  into.sum = sum;
  into.max = ring.max;
}

/** Removes tiles below `oldest`. */
function dropBelow(ring: TileRing, oldest: number): void {
  const { tiles } = ring;
  const wasExact = ring.sum <= Number.MAX_SAFE_INTEGER;
  let droppedMax = -1;
  let end = 0;
  while (end < tiles.length && numberAt(tiles, end) < oldest) {
    ring.count -= numberAt(tiles, end + 1);
    ring.sum -= numberAt(tiles, end + 2);
    droppedMax = Math.max(droppedMax, numberAt(tiles, end + 3));
    end += TILE_STRIDE;
  }
  if (end === 0) return;
  tiles.splice(0, end);
  if (droppedMax === ring.max || !wasExact) scanTiles(tiles, 0, tiles.length - TILE_STRIDE, ring);
}

/** Adds up the tiles at positions from `from` to `to`, both included. */
function scanTiles(tiles: readonly number[], from: number, to: number, into: Aggregate): void {
  into.count = 0;
  into.sum = 0;
  into.max = 0;
  for (let at = from; at <= to; at += TILE_STRIDE) {
    into.count += numberAt(tiles, at + 1);
    into.sum += numberAt(tiles, at + 2);
    into.max = Math.max(into.max, numberAt(tiles, at + 3));
  }
}

function numberAt(tiles: readonly number[], at: number): number {
  return tiles[at] ?? 0;
}
