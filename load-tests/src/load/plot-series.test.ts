import { timeTicks, valueTicks } from "./plot-series.js";

const DURATIONS_S = [1, 2, 7, 10, 59, 60, 61, 104, 119, 600, 601, 3_599, 3_600, 43_200, 43_272, 604_800, 5e6];

test.each(DURATIONS_S)("marks of %d seconds stand so far apart that their labels have room on a phone", (seconds) => {
  const ticks = timeTicks(seconds);
  expect(ticks.length).toBeGreaterThan(1);
  for (const [index, { at }] of ticks.entries()) {
    expect(at).toBeLessThanOrEqual(1);
    // A sixth of 300 pixels are 50, and "30 min" needs 40.
    expect(at - (ticks[index - 1]?.at ?? -1)).toBeGreaterThan(1 / 6 - 1e-9);
  }
  expect(new Set(ticks.map(({ label }) => label)).size).toBe(ticks.length);
});

test("marks of time are round, in the largest unit that says them", () => {
  const labels = (seconds: number) => timeTicks(seconds).map(({ label }) => label);
  expect(labels(61)).toEqual(["0 s", "15 s", "30 s", "45 s", "60 s"]);
  expect(labels(3_600)).toEqual(["0 min", "10 min", "20 min", "30 min", "40 min", "50 min", "60 min"]);
  expect(labels(43_272)).toEqual(["0 h", "3 h", "6 h", "9 h", "12 h"]);
});

const LARGEST = [0, 0.003, 0.9, 1, 3, 10, 12, 230, 250, 251, 999, 5_000, 123_456];

test.each(LARGEST)("marks of values up to %d say exactly where they stand, and none is above all values", (largest) => {
  const { most, ticks } = valueTicks(largest);
  expect(most).toBeGreaterThanOrEqual(largest);
  expect(ticks.length).toBeLessThanOrEqual(5);
  expect(ticks[0]).toEqual({ at: 0, label: "0" });
  for (const { at, label } of ticks) expect(Number(label)).toBeCloseTo(at * most, 9);
  const below = ticks.at(-2)?.at ?? 0;
  expect(below * most).toBeLessThanOrEqual(largest);
});
