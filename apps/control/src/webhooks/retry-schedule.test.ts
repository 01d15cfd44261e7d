import { ATTEMPTS_IN_ORDER, failuresAfter, GIVE_UP_HOURS, restAfter, waitAfter } from "./retry-schedule.js";

const HOUR_MS = 3_600_000;
const middle = (): number => 0.5;
const waits = (random: () => number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => waitAfter(index + 1, 0, random));
const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);

test("thirteen attempts span about three days", () => {
  const all = waits(middle, 12);
  expect(sum(all) / HOUR_MS).toBeGreaterThan(GIVE_UP_HOURS - 2);
  expect(sum(all) / HOUR_MS).toBeLessThanOrEqual(GIVE_UP_HOURS);
  expect(all).toEqual(all.toSorted((left, right) => left - right));
});

test("an event delays later events of its case by less than ten minutes", () => {
  expect(sum(waits(() => 1, ATTEMPTS_IN_ORDER - 1))).toBeLessThan(600_000);
});

test("jitter varies waits by a fifth", () => {
  expect(waitAfter(1, 0, () => 0)).toBe(900);
  expect(waitAfter(1, 0, () => 1)).toBe(1_100);
});

test("a receiver can request a longer wait, up to an hour", () => {
  expect(waitAfter(1, 120_000, middle)).toBe(120_000);
  expect(waitAfter(1, 86_400_000, middle)).toBe(HOUR_MS);
  expect(waitAfter(7, 1_000, middle)).toBe(2 * HOUR_MS);
});

test.each([
  [0, 1, 1],
  [0, 32, 5],
  [3, 32, 5],
  [5, 1, 6],
])("after %d failures and a batch of %d, an endpoint has failed %d times", (before, failed, after) => {
  expect(failuresAfter(before, failed)).toBe(after);
});

test("an endpoint pauses after five failures in a row, for at most a minute", () => {
  expect([1, 4, 5, 6, 8, 50].map(restAfter)).toEqual([0, 0, 1_000, 2_000, 8_000, 60_000]);
});
