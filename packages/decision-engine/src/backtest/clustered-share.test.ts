import fc from "fast-check";
import { clusteredShare } from "./clustered-share.js";
import { wilsonInterval } from "./wilson-interval.js";

const clusters = fc.array(
  fc.tuple(fc.nat(30), fc.nat(30)).map(([hits, more]) => ({ hits, units: hits + more + 1 })),
  { minLength: 1, maxLength: 40 },
);

test("equals Wilson's interval for one payment per card", () => {
  const cards = Array.from({ length: 200 }, (_, index) => ({ hits: index < 30 ? 1 : 0, units: 1 }));
  const found = clusteredShare(cards);
  // The variance is divided by n - 1 instead of n.
  expect(found).toEqual(wilsonInterval(0.15, 199));
});

test("identical payments by one card count as one payment", () => {
  const cards = Array.from({ length: 200 }, (_, index) => ({ hits: index < 30 ? 7 : 0, units: 7 }));
  const { low, high } = wilsonInterval(0.15, 199);
  expect(clusteredShare(cards)?.low).toBeCloseTo(low, 9);
  expect(clusteredShare(cards)?.high).toBeCloseTo(high, 9);
  expect(clusteredShare(cards.map(({ units }) => ({ hits: 0, units })))).toEqual(wilsonInterval(0, 200));
});

test("is the share of all payments, with an interval at least as wide as for independent ones", () => {
  fc.assert(
    fc.property(clusters, (cards) => {
      const [hits, units] = (["hits", "units"] as const).map((name) =>
        cards.reduce((sum, card) => sum + card[name], 0),
      );
      const share = (hits ?? 0) / (units ?? 1);
      const found = clusteredShare(cards);
      const independent = wilsonInterval(share, units ?? 1);
      expect(found?.value).toBeCloseTo(share, 12);
      expect(found?.low).toBeLessThanOrEqual(independent.low + 1e-9);
      expect(found?.high).toBeGreaterThanOrEqual(independent.high - 1e-9);
    }),
  );
});

test("cards without a hit can be passed individually or as totals, with the same result", () => {
  fc.assert(
    fc.property(clusters, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 }), (cards, without) => {
      const oneByOne = clusteredShare([...cards, ...without.map((units) => ({ hits: 0, units }))]);
      const sums = clusteredShare(cards, {
        clusters: without.length,
        units: without.reduce((sum, units) => sum + units, 0),
        unitSquares: without.reduce((sum, units) => sum + units ** 2, 0),
      });
      expect(sums?.value).toBeCloseTo(oneByOne?.value ?? Number.NaN, 12);
      expect(sums?.low).toBeCloseTo(oneByOne?.low ?? Number.NaN, 9);
      expect(sums?.high).toBeCloseTo(oneByOne?.high ?? Number.NaN, 9);
    }),
  );
});

test("an empty set has no share", () => {
  expect(clusteredShare([])).toBeUndefined();
});
