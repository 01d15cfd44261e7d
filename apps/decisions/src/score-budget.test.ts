import { scoreBudgetMs } from "./score-budget.js";

const NOW_MS = 1_000_000;

const cases: [string, (number | undefined)[], number][] = [
  ["nobody waits", [undefined, undefined], 250],
  ["the latest deadline is far", [NOW_MS + 100, NOW_MS + 900], 250],
  ["the latest deadline is near", [NOW_MS + 100, NOW_MS + 120], 100],
  ["some wait and some do not", [undefined, NOW_MS + 120], 100],
  ["a deadline has passed: nobody waits any longer", [NOW_MS - 5, NOW_MS], 250],
  ["a passed one beside one that counts", [NOW_MS - 5, NOW_MS + 120], 100],
  ["hardly any time is left", [NOW_MS + 10], 0],
];

test.each(cases)("%s", (_name, deadlinesMs, budgetMs) => {
  expect(scoreBudgetMs(deadlinesMs, { waitMsMax: 250, nowMs: NOW_MS })).toBe(budgetMs);
});
