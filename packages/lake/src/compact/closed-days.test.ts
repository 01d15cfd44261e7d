import { isClosed, isDueDay } from "./closed-days.js";

const NOW_MS = Date.UTC(2026, 2, 1, 1);

test.each([
  ["the current day", "2026-03-01", NOW_MS, false, false],
  ["a day in the future", "2026-03-02", NOW_MS, false, false],
  ["a day that ended an hour ago", "2026-02-28", NOW_MS, true, true],
  ["a day that ended less than an hour ago", "2026-02-28", NOW_MS - 1, false, false],
  ["the oldest due day", "2026-02-01", NOW_MS, true, true],
  ["an older day", "2026-01-31", NOW_MS, true, false],
])("determines whether a day is closed and due: %s", (_what, day, nowMs, closed, due) => {
  expect(isClosed(day, nowMs)).toBe(closed);
  expect(isDueDay(day, nowMs)).toBe(due);
});
