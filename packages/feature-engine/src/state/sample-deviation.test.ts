import fc from "fast-check";
import { sampleDeviation } from "./sample-deviation.js";
import type { TileRing } from "./tile-ring.js";
import { addToRing, aggregateRing, emptyAggregate, emptyRing, SQUARE_UNIT } from "./tile-ring.js";

/** The largest value that is squared exactly. */
const SQUARED_MAX = 2 ** 40 - 1;

function ringOf(values: readonly number[]): TileRing {
  const ring = emptyRing();
  values.forEach((value, index) => {
    addToRing(ring, index % 5, 0, value, true);
  });
  return ring;
}

/** By the definition, with integers until the last step: n Σ (n x − Σx)² = n³ (n − 1) s². */
function exactDeviation(values: readonly number[]): number {
  const count = BigInt(values.length);
  const sum = values.reduce((total, value) => total + BigInt(value), 0n);
  const squares = values.reduce((total, value) => total + (count * BigInt(value) - sum) ** 2n, 0n);
  return Math.sqrt(Number(squares)) / values.length / Math.sqrt(values.length - 1);
}

function exactSquares(values: readonly number[]): bigint {
  return values.reduce((total, value) => total + BigInt(value) ** 2n, 0n);
}

function squaresOf({ squareHigh, squareLow }: { squareHigh: number; squareLow: number }): bigint {
  return BigInt(squareHigh) * BigInt(SQUARE_UNIT) + BigInt(squareLow);
}

const amounts = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 0, max: 2 ** 30 }),
  fc.integer({ min: SQUARED_MAX - 3, max: SQUARED_MAX }),
  fc.nat({ max: 2 ** 31 - 1 }).map((value) => value * 511),
);

describe("the sum of squares", () => {
  test.each([0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 94_906_265, 94_906_267, 2 ** 39, 2 ** 40 - 2, SQUARED_MAX])(
    "the square of %d is exact, even beyond 2^53",
    (value) => {
      const ring = ringOf([value]);
      expect(squaresOf(ring)).toBe(BigInt(value) ** 2n);
      expect(ring.squareLow).toBeLessThan(SQUARE_UNIT);
    },
  );

  test("is exact, including the low parts of all tiles", () => {
    fc.assert(
      fc.property(fc.array(amounts, { maxLength: 60 }), (values) => {
        const ring = ringOf(values);
        expect(squaresOf(ring)).toBe(exactSquares(values));
        for (let at = 5; at < ring.used; at += 6) expect(ring.tiles[at]).toBeLessThan(SQUARE_UNIT);
      }),
    );
  });

  test("excludes tiles on either side of the window", () => {
    fc.assert(
      fc.property(fc.array(amounts, { maxLength: 40 }), (values) => {
        const into = emptyAggregate();
        aggregateRing(ringOf(values), 1, 3, into);
        expect(squaresOf(into)).toBe(exactSquares(values.filter((_value, index) => [1, 2, 3].includes(index % 5))));
      }),
    );
  });

  test("excludes dropped tiles", () => {
    const ring = ringOf([SQUARED_MAX, 3, SQUARED_MAX - 1, 2 ** 20 + 1, 7]);
    addToRing(ring, 6, 3, 11, true);
    expect(squaresOf(ring)).toBe(exactSquares([2 ** 20 + 1, 7, 11]));
  });

  test("is capped for values too large to be squared exactly", () => {
    expect(squaresOf(ringOf([SQUARED_MAX + 1]))).toBe(BigInt(SQUARED_MAX) ** 2n);
    expect(squaresOf(ringOf([Number.MAX_SAFE_INTEGER]))).toBe(BigInt(SQUARED_MAX) ** 2n);
  });
});

describe("standard deviation", () => {
  test("follows the definition for equal and different values", () => {
    const nearby = fc.tuple(amounts, fc.array(fc.nat(3), { minLength: 2, maxLength: 40 }));
    const near = nearby.map(([base, steps]) => steps.map((step) => Math.min(base + step, SQUARED_MAX)));
    fc.assert(
      fc.property(fc.oneof(near, fc.array(amounts, { minLength: 2, maxLength: 60 })), (values) => {
        const expected = exactDeviation(values);
        const actual = sampleDeviation(ringOf(values)) ?? Number.NaN;
        // In doubles, at most four of sixteen digits cancel, so twelve remain; beyond that, the computation is exact.
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(expected * 1e-11);
      }),
      { numRuns: 500 },
    );
  });

  test.each([1, 3, 999_999, 123_456_789_013, SQUARED_MAX])("is 0 for a constant amount (%d)", (value) => {
    for (const count of [2, 3, 7, 50, 333]) {
      expect(sampleDeviation(ringOf(Array.from({ length: count }, () => value)))).toBe(0);
    }
  });

  test("detects a difference of one thousandth among the largest amounts", () => {
    const values = [...Array.from({ length: 99 }, () => SQUARED_MAX - 1), SQUARED_MAX];
    expect(sampleDeviation(ringOf(values))).toBeCloseTo(0.1, 12);
  });

  test("does not exist for fewer than two values", () => {
    expect(sampleDeviation(emptyRing())).toBeUndefined();
    expect(sampleDeviation(ringOf([5]))).toBeUndefined();
    expect(sampleDeviation(ringOf([1, 3]))).toBe(Math.SQRT2);
  });

  test("is finite and at least 0 for capped amounts", () => {
    const values = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 1];
    const deviation = sampleDeviation(ringOf(values)) ?? Number.NaN;
    expect(Number.isFinite(deviation) && deviation >= 0).toBe(true);
  });
});
