import type { LoopFacts } from "./loop-state.js";
import { reportLoop } from "./report-loop.js";

const DAY = Math.floor(Date.UTC(2026, 2, 1) / 86_400_000);
const TIMES = { everyDays: 28, retryDays: 7 };
const NOTHING: LoopFacts = {
  firstDay: null,
  judgedDay: null,
  triedDay: null,
  alarm: null,
  challenger: null,
  promotedDay: null,
};
const alarm = { day: DAY + 2, sentence: "Amounts are higher." };

test.each([
  ["unknown before the first check", {}, null],
  ["on schedule from the first check", { firstDay: DAY }, "2026-03-29"],
  ["on schedule from the last one", { firstDay: DAY, triedDay: DAY + 1 }, "2026-03-30"],
  ["immediately after drift", { firstDay: DAY, alarm }, "2026-03-03"],
  ["again after drift that led to no new champion", { firstDay: DAY, triedDay: DAY + 3, alarm }, "2026-03-11"],
  [
    "not during a challenger's rollout",
    { firstDay: DAY, triedDay: DAY, challenger: { version: "0123456789ab", why: "", learntTo: DAY, stage: "shadow" } },
    null,
  ],
] as const)("reports the next retraining: %s", (_, facts, next) => {
  expect(reportLoop("fraud", { ...NOTHING, ...facts }, TIMES, undefined).next_retraining).toBe(next);
});

test("formats days as dates, truncates texts, and reports a failure", () => {
  const facts = { ...NOTHING, judgedDay: DAY, triedDay: DAY - 1, alarm: { day: DAY, sentence: "x".repeat(2_000) } };
  expect(reportLoop("fraud", facts, TIMES, "The lake is away.")).toEqual({
    model: "fraud",
    judged_to: "2026-03-01",
    last_retraining: "2026-02-28",
    next_retraining: "2026-03-07",
    challenger: null,
    failure: "The lake is away.",
    drift: { day: "2026-03-01", sentence: "x".repeat(1_000) },
  });
});
