import type { Aggregate } from "./tile-ring.js";
import { addToRing, aggregateRing, emptyRing } from "./tile-ring.js";

function aggregate(ring: ReturnType<typeof emptyRing>, oldest: number, newest: number): Aggregate {
  const into: Aggregate = { count: 0, sum: 0, max: 0 };
  aggregateRing(ring, oldest, newest, into);
  return into;
}

describe("a ring of tiles", () => {
  test("takes events in any order and leaves out tiles on either side of the window", () => {
    const ring = emptyRing();
    for (const tile of [5, 3, 9, 4, 5]) expect(addToRing(ring, tile, 1, tile)).toBe(true);
    expect(ring.tiles).toEqual([3, 1, 3, 3, 4, 1, 4, 4, 5, 2, 10, 5, 9, 1, 9, 9]);
    expect(aggregate(ring, 4, 8)).toEqual({ count: 3, sum: 14, max: 5 });
    expect(aggregate(ring, 3, 5)).toEqual({ count: 4, sum: 17, max: 5 });
    expect(aggregate(ring, 10, 12)).toEqual({ count: 0, sum: 0, max: 0 });
  });

  test("refuses what is below its oldest tile and drops what has fallen below", () => {
    const ring = emptyRing();
    addToRing(ring, 3, 1, 10);
    addToRing(ring, 7, 5, 20);
    expect(addToRing(ring, 4, 5, 30)).toBe(false);
    expect(ring).toEqual({ tiles: [7, 1, 20, 20], count: 1, sum: 20, max: 20 });
  });

  test("is exact again once a sum too large to be exact has been dropped", () => {
    const ring = emptyRing();
    for (let index = 0; index < 5; index += 1) addToRing(ring, 1, 0, Number.MAX_SAFE_INTEGER);
    for (let index = 0; index < 5; index += 1) addToRing(ring, 2, 0, Number.MAX_SAFE_INTEGER - 1);
    addToRing(ring, 3, 0, 1);
    expect(aggregate(ring, 1, 1).sum).toBe(Number.MAX_SAFE_INTEGER);
    addToRing(ring, 4, 3, 2);
    expect(ring).toEqual({ tiles: [3, 1, 1, 1, 4, 1, 2, 2], count: 2, sum: 3, max: 2 });
  });
});
