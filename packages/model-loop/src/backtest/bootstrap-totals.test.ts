import { logNormal, seedRandom } from "@tripline/simulator/seed-random";
import { bootstrapTotals } from "./bootstrap-totals.js";

const cardsOf = (amounts: readonly number[]) =>
  amounts.map((amount, key) => ({ key, amounts: new Map([["EUR", amount]]) }));

test("a hundred cards with the same amount give the limits of a Poisson distribution", () => {
  const found = bootstrapTotals(cardsOf(Array.from({ length: 100 }, () => 50))).get("EUR");
  expect(found?.value).toBe(5_000);
  // The 2.5 % and 97.5 % quantiles of a Poisson distribution with mean 100: 81 and 120.
  expect(found).toMatchObject({ low: expect.any(Number), high: expect.any(Number) });
  const { low, high } = found as { low: number; high: number };
  expect(Math.abs(low / 50 - 81)).toBeLessThanOrEqual(3);
  expect(Math.abs(high / 50 - 120)).toBeLessThanOrEqual(3);
});

test("does not depend on the order of the cards or on other columns", () => {
  const cards = cardsOf([...Array(40).keys()].map((index) => (index * 37) % 101));
  const other = cards.map(({ key, amounts }) => ({ key, amounts: new Map([...amounts, ["JPY", 7]]) }));
  const found = bootstrapTotals(cards).get("EUR");
  expect(bootstrapTotals(cards.toReversed()).get("EUR")).toEqual(found);
  expect(bootstrapTotals(other).get("EUR")).toEqual(found);
});

test("returns a total without an interval for fewer than ten cards", () => {
  expect(bootstrapTotals(cardsOf([1, 2, 3])).get("EUR")).toEqual({ value: 6 });
});

test("covers the expected total in most weeks", () => {
  const weeks = 100;
  let covered = 0;
  const amountOf = (random: () => number) => Math.round(logNormal(random, 40, 0.8) * 100);
  const expected = 150 * 40 * 100 * Math.exp(0.8 ** 2 / 2);
  for (let week = 0; week < weeks; week += 1) {
    const random = seedRandom(9, 6, week, 0);
    // Each of 300 cards is hit with probability 0.5.
    const cards = Array.from({ length: 300 }, (_, key) => ({ key: week * 300 + key, amount: amountOf(random) }));
    const hit = cards.filter(() => random() < 0.5);
    const found = bootstrapTotals(hit.map(({ key, amount }) => ({ key, amounts: new Map([["EUR", amount]]) }))).get(
      "EUR",
    );
    if (found !== undefined && "low" in found && found.low <= expected && expected <= found.high) covered += 1;
  }
  expect(covered).toBeGreaterThanOrEqual(90);
});
