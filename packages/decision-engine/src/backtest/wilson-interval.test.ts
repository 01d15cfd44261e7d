import fc from "fast-check";
import { wilsonInterval } from "./wilson-interval.js";

test.each([
  [0, 10, 0, 0.2775],
  [8 / 10, 10, 0.4902, 0.9433],
  [1, 10, 0.7225, 1],
  [0.02, 1_000, 0.01298, 0.03068],
])("a share of %f of %i has the published limits", (share, observations, low, high) => {
  const interval = wilsonInterval(share, observations);
  expect(interval.low).toBeCloseTo(low, 4);
  expect(interval.high).toBeCloseTo(high, 4);
});

test("contains the share, stays between 0 and 1, is symmetric, and narrows with more observations", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0.5, max: 1e7, noNaN: true }),
      (share, n) => {
        const { low, high, value } = wilsonInterval(share, n);
        expect(0 <= low && low <= value && value <= high && high <= 1).toBe(true);
        const mirrored = wilsonInterval(1 - share, n);
        expect(mirrored.low).toBeCloseTo(1 - high, 9);
        const more = wilsonInterval(share, n * 4);
        expect(more.high - more.low).toBeLessThanOrEqual(high - low + 1e-12);
      },
    ),
  );
});

test.each([
  [0.05, 60],
  [0.3, 40],
  [0.5, 25],
])("contains a true share of %f in about 95 %% of samples of %i", (share, n) => {
  let [probability, covered] = [(1 - share) ** n, 0];
  for (let hits = 0; hits <= n; hits += 1) {
    const { low, high } = wilsonInterval(hits / n, n);
    if (low <= share && share <= high) covered += probability;
    probability *= ((n - hits) / (hits + 1)) * (share / (1 - share));
  }
  expect(covered).toBeGreaterThan(0.92);
  expect(covered).toBeLessThan(0.99);
});
