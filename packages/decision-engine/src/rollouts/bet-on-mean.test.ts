import { BetOnMean } from "./bet-on-mean.js";

const played = (values: readonly number[], limit: number): number => {
  const bet = new BetOnMean();
  for (const value of values) bet.add(value, limit);
  return bet.logCapital;
};
const repeated = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

test("a fair game has an expected capital of 1 at every length", () => {
  // All sequences of ten values, each of which is 1 with the probability of the limit.
  let expected = 0;
  for (let sequence = 0; sequence < 2 ** 10; sequence += 1) {
    const values = Array.from({ length: 10 }, (_, at) => (sequence >> at) & 1);
    const ones = values.reduce((sum, value) => sum + value, 0);
    expected += 0.3 ** ones * 0.7 ** (10 - ones) * Math.exp(played(values, 0.3));
  }
  expect(expected).toBeCloseTo(1, 9);
});

test("gains by values above the limit only", () => {
  expect(played(repeated(50, 1), 0.5)).toBeGreaterThan(15);
  expect(played(repeated(1_000, 0.5), 0.5)).toBeCloseTo(0, 9);
  expect(played(repeated(50, 0), 0.5)).toBeLessThan(0);
  expect(played(repeated(50, 1), 1)).toBe(0);
});

test("finds a change after many good values", () => {
  const good = Array.from({ length: 20_000 }, (_, at) => Number(at % 5 === 0));
  const bad = Array.from({ length: 20_000 }, (_, at) => Number(at % 5 < 2));
  expect(played(good, 0.3)).toBeLessThan(0);
  expect(played([...good, ...bad], 0.3)).toBeGreaterThan(50);
});
