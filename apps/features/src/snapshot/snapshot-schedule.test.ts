import type { ScheduleFacts } from "./snapshot-schedule.js";
import { dueAtMs } from "./snapshot-schedule.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 2, 1);

test.each<[string, Partial<ScheduleFacts>, number, number]>([
  ["without a snapshot, ten minutes after the start", {}, 6, START_MS + 10 * MINUTE_MS],
  ["without a snapshot and with a short interval, after that interval", {}, 0.1, START_MS + 6 * MINUTE_MS],
  [
    "after a restart, when the newest snapshot is old enough",
    { newestAtMs: START_MS - HOUR_MS },
    6,
    START_MS + 5 * HOUR_MS,
  ],
  ["immediately if the newest snapshot is too old", { newestAtMs: START_MS - 7 * HOUR_MS }, 6, START_MS - HOUR_MS],
  [
    "a quarter of an hour after a failed run",
    { newestAtMs: START_MS - 7 * HOUR_MS, failedAtMs: START_MS },
    6,
    START_MS + 15 * MINUTE_MS,
  ],
  [
    "an interval after the newest snapshot, if another process took it after the failed run",
    { newestAtMs: START_MS + MINUTE_MS, failedAtMs: START_MS },
    6,
    START_MS + MINUTE_MS + 6 * HOUR_MS,
  ],
])("a snapshot is due %s", (_name, facts, intervalHours, due) => {
  const all = { newestAtMs: undefined, failedAtMs: undefined, startedAtMs: START_MS, ...facts };
  expect(dueAtMs(intervalHours, all)).toBe(due);
});
