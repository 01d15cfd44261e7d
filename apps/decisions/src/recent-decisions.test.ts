import { RecentDecisions } from "./recent-decisions.js";

const NOW_MS = Date.UTC(2026, 0, 1);

function given(defaults: readonly boolean[]): RecentDecisions {
  const recent = new RecentDecisions();
  for (const [index, isDefault] of defaults.entries()) recent.add(isDefault, NOW_MS - defaults.length + index);
  return recent;
}

test.each<[string, boolean[], number]>([
  ["nothing was decided", [], 0],
  ["too few were", Array(19).fill(true), 0],
  ["all get the default decision", Array(20).fill(true), 20],
  ["one was judged", [...Array(50).fill(true), false, ...Array(40).fill(true)], 0],
  ["one was judged long before", [false, ...Array(100).fill(true)], 100],
])("regression #24: %s", (_name, defaults, count) => {
  const recent = given(defaults);
  expect(recent.defaultsOnly(NOW_MS)).toBe(count);
  expect(recent.note(NOW_MS)).toBe(
    count === 0 ? undefined : `degraded: all of the last ${count} payments got the default decision`,
  );
});

test("ignores decisions older than a minute", () => {
  expect(given(Array(50).fill(true)).defaultsOnly(NOW_MS + 60_001)).toBe(0);
});
