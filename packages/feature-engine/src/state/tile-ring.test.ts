import { tilesInUse } from "../testing/numbers-in-use.js";
import type { Aggregate, TileRing } from "./tile-ring.js";
import { addToRing, aggregateRing, emptyAggregate, emptyRing, TILE_STRIDE, takeFromRing } from "./tile-ring.js";

function aggregate(ring: TileRing, oldest: number, newest: number): Aggregate {
  const into = emptyAggregate();
  aggregateRing(ring, oldest, newest, into);
  return into;
}

/** Tiles as (index, count, sum, max). */
function tilesOf(ring: TileRing): number[][] {
  const tiles = [...tilesInUse(ring)];
  const all: number[][] = [];
  for (let at = 0; at < tiles.length; at += TILE_STRIDE) all.push(tiles.slice(at, at + 4));
  return all;
}

describe("a ring of tiles", () => {
  test("accepts events in any order, and excludes tiles on either side of the window", () => {
    const ring = emptyRing();
    for (const tile of [5, 3, 9, 4, 5]) expect(addToRing(ring, tile, 1, tile, false)).toBe(true);
    expect(tilesOf(ring)).toEqual([
      [3, 1, 3, 3],
      [4, 1, 4, 4],
      [5, 2, 10, 5],
      [9, 1, 9, 9],
    ]);
    expect(aggregate(ring, 4, 8)).toMatchObject({ count: 3, sum: 14, max: 5 });
    expect(aggregate(ring, 3, 5)).toMatchObject({ count: 4, sum: 17, max: 5 });
    expect(aggregate(ring, 10, 12)).toEqual(emptyAggregate());
    expect(aggregate(ring, 6, 8)).toEqual(emptyAggregate());
  });

  test("rejects events before its oldest tile, and drops expired tiles", () => {
    const ring = emptyRing();
    addToRing(ring, 3, 1, 10, true);
    addToRing(ring, 7, 5, 20, true);
    expect(addToRing(ring, 4, 5, 30, true)).toBe(false);
    expect([...tilesInUse(ring)]).toEqual([7, 1, 20, 20, 0, 400]);
    expect(ring).toMatchObject({ count: 1, sum: 20, max: 20, squareHigh: 0, squareLow: 400 });
    expect(addToRing(ring, 5, 5, 30, true)).toBe(true);
  });

  test("equals a ring without an event after that event is removed", () => {
    const ring = emptyRing();
    for (const [tile, amount] of [
      [2, 1],
      [3, 0],
      [3, 1],
    ] as const)
      addToRing(ring, tile, 0, amount, false);
    takeFromRing(ring, 3, 1, true);
    expect(tilesOf(ring)).toEqual([
      [2, 1, 1, 1],
      [3, 1, 0, 0],
    ]);
    for (const [tile, amount] of [
      [3, 1],
      [2, 0],
      [4, 0],
    ] as const)
      takeFromRing(ring, tile, amount, true);
    expect(ring).toMatchObject({ count: 2, sum: 1, max: 1 });
    takeFromRing(ring, 2, 1, true);
    takeFromRing(ring, 3, 0, true);
    expect([tilesOf(ring), ring]).toMatchObject([[], { count: 0, sum: 0, max: 0 }]);
  });

  test("knows the largest amount of a window even if the overall largest is outside it", () => {
    const ring = emptyRing();
    for (const [tile, amount] of [
      [1, 90],
      [2, 5],
      [3, 7],
      [4, 90],
    ] as const)
      addToRing(ring, tile, 0, amount, false);
    expect(aggregate(ring, 2, 3)).toMatchObject({ count: 2, sum: 12, max: 7 });
    addToRing(ring, 5, 5, 1, false);
    expect(ring).toMatchObject({ count: 1, sum: 1, max: 1 });
  });

  test("keeps squares only on request", () => {
    const ring = emptyRing();
    addToRing(ring, 1, 0, 30, false);
    expect(ring).toMatchObject({ squareHigh: 0, squareLow: 0 });
  });

  test("is exact again after an inexact sum has been dropped", () => {
    const ring = emptyRing();
    for (let index = 0; index < 5; index += 1) addToRing(ring, 1, 0, Number.MAX_SAFE_INTEGER, true);
    for (let index = 0; index < 5; index += 1) addToRing(ring, 2, 0, Number.MAX_SAFE_INTEGER - 1, true);
    addToRing(ring, 3, 0, 1, true);
    expect(aggregate(ring, 1, 1).sum).toBe(Number.MAX_SAFE_INTEGER);
    expect(aggregate(ring, 3, 3)).toMatchObject({ count: 1, sum: 1, max: 1, squareHigh: 0, squareLow: 1 });
    addToRing(ring, 4, 3, 2, true);
    expect(tilesOf(ring)).toEqual([
      [3, 1, 1, 1],
      [4, 1, 2, 2],
    ]);
    expect(ring).toMatchObject({ count: 2, sum: 3, max: 2, squareHigh: 0, squareLow: 5 });
  });

  test("is exact again even if the largest amount stays", () => {
    const ring = emptyRing();
    for (const tile of [1, 1, 2, 2]) addToRing(ring, tile, 0, Number.MAX_SAFE_INTEGER - 2, false);
    addToRing(ring, 3, 0, Number.MAX_SAFE_INTEGER, false);
    addToRing(ring, 4, 3, 0, false);
    expect(ring).toMatchObject({ count: 2, sum: Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
  });

  test("keeps sums within the limits of a stored state for any number of maximum amounts", () => {
    const ring = emptyRing();
    for (let index = 0; index < 8_300; index += 1) addToRing(ring, 1, 0, 2 ** 40, true);
    for (const number of tilesInUse(ring)) expect(Number.isSafeInteger(number)).toBe(true);
    addToRing(ring, 2, 0, 3, true);
    expect(aggregate(ring, 2, 2)).toMatchObject({ count: 1, sum: 3, squareHigh: 0, squareLow: 9 });
    addToRing(ring, 3, 2, 3, true);
    expect(ring).toMatchObject({ count: 2, sum: 6, max: 3, squareHigh: 0, squareLow: 18 });
  });
});
