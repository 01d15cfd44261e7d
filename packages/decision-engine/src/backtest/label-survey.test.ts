import { surveyOf } from "./label-survey.js";

const DAY_MS = 86_400_000;
const NEWEST_MS = Date.UTC(2026, 5, 1);

/** Labels of frauds arrive after 6 days, those of genuine payments after 60 days. */
const surveyed = (frauds: number, genuine: number) =>
  surveyOf(
    {
      fraud: frauds === 0 ? [] : [{ ageDays: 90, delayDays: 6, labels: frauds }],
      genuine: genuine === 0 ? [] : [{ ageDays: 90, delayDays: 60, labels: genuine }],
    },
    NEWEST_MS,
    "auto",
  );

test.each([
  ["only frauds", 2, 0, true, 7],
  ["one won chargeback", 2, 1, true, 7],
  ["one fraud and one genuine label", 1, 1, true, 7],
  ["more genuine labels than frauds, but few", 2, 10, true, 7],
  ["many genuine labels, but no more than frauds", 500, 500, true, 61],
  ["enough genuine labels", 2, 50, false, 61],
  ["many frauds and many genuine labels", 100, 9_000, false, 61],
  ["only genuine labels", 0, 3, false, 61],
])("surveys a history with %s", (_case, frauds, genuine, isUnlabelledGenuine, delayDays) => {
  expect(surveyed(frauds, genuine)).toEqual({
    frauds,
    genuine,
    isUnlabelledGenuine,
    delayDays,
    newestMs: NEWEST_MS,
    matureBeforeMs: NEWEST_MS - delayDays * DAY_MS,
  });
});
