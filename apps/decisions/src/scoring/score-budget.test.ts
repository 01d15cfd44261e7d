import { explanationBudgetMs, scoreBudgetMs } from "./score-budget.js";

const NOW_MS = 1_000_000;

const cases: [string, (number | undefined)[], number][] = [
  ["no caller waits", [undefined, undefined], 250],
  ["the latest deadline is far", [NOW_MS + 100, NOW_MS + 900], 250],
  ["the latest deadline is near", [NOW_MS + 100, NOW_MS + 120], 100],
  ["some wait and some do not", [undefined, NOW_MS + 120], 100],
  ["a deadline has passed: its caller no longer waits", [NOW_MS - 5, NOW_MS], 250],
  ["a passed deadline and a current one", [NOW_MS - 5, NOW_MS + 120], 100],
  ["hardly any time is left", [NOW_MS + 10], 0],
];

test.each(cases)("computes the time for scores if %s", (_name, deadlinesMs, budgetMs) => {
  expect(scoreBudgetMs(deadlinesMs, { waitMsMax: 250, nowMs: NOW_MS })).toBe(budgetMs);
});

const explanations: [string, (number | undefined)[], number][] = [
  ["no caller waits", [undefined, undefined], 50],
  ["all deadlines are far", [NOW_MS + 100, NOW_MS + 900], 50],
  ["the earliest deadline is near", [NOW_MS + 900, NOW_MS + 60], 40],
  ["the earliest one cannot be met any more", [NOW_MS + 900, NOW_MS + 10], 0],
  ["a deadline has passed: its caller no longer waits", [NOW_MS, undefined], 50],
];

test.each(explanations)("computes the time for an explanation if %s", (_name, deadlinesMs, budgetMs) => {
  expect(explanationBudgetMs(deadlinesMs, { waitMsMax: 50, nowMs: NOW_MS })).toBe(budgetMs);
});
