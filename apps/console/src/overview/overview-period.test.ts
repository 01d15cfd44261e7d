import { daysBetween, overviewQuery, overviewQueryAt, partsOf, periodOf } from "./overview-period.js";

const NOW_MS = Date.parse("2026-03-31T10:00:00Z");

test.each([
  ["30 days", {}, "2026-03-02", "2026-03-31", "2026-01-31", "2026-03-01"],
  ["one day", { count: "1" }, "2026-03-31", "2026-03-31", "2026-03-30", "2026-03-30"],
  ["weeks begin on Monday", { bucket: "week", count: "2" }, "2026-03-23", "2026-03-31", "2026-03-09", "2026-03-17"],
  [
    "a month with fewer days before",
    { bucket: "month", count: "1" },
    "2026-03-01",
    "2026-03-31",
    "2026-02-01",
    "2026-02-28",
  ],
  ["a year", { bucket: "month", count: "12" }, "2025-04-01", "2026-03-31", "2024-04-01", "2025-03-31"],
  ["an earlier day", { count: "2", until: "2026-01-01" }, "2025-12-31", "2026-01-01", "2025-12-29", "2025-12-30"],
])("a period and the one before: %s", (_, query, from, to, previousFrom, previousTo) => {
  const period = periodOf(overviewQuery.parse(query), NOW_MS);
  expect(period).toMatchObject({ days: { from, to }, previousDays: { from: previousFrom, to: previousTo } });
  expect(period.starts[0]).toBe(from);
});

test.each([
  { bucket: "month", count: "13" },
  { bucket: "week", count: "53" },
  { count: "367" },
  { count: "0" },
  { until: "yesterday" },
  { by: "card" },
  { tenant: "other" },
])("rejects %j", (query) => {
  expect(overviewQuery.safeParse(query).success).toBe(false);
});

test.each([
  ["whole months", "2026-01-01", "2026-03-31", null, ["2026-01-01", "2026-02-01", "2026-03-01"], [0]],
  ["days of one month", "2026-01-02", "2026-01-31", null, [], [30, "2026-01-02", "2026-01-31"]],
  ["both", "2026-01-31", "2026-03-01", null, ["2026-02-01"], [2, "2026-01-31", "2026-03-01"]],
  ["a month with the day", "2026-01-01", "2026-02-28", "2026-02-02", ["2026-01-01"], [28, "2026-02-01", "2026-02-28"]],
  ["a month from the day", "2026-01-01", "2026-02-28", "2026-02-01", ["2026-01-01", "2026-02-01"], [0]],
])("a period is read by month and day: %s", (_, from, to, apart, months, days) => {
  const parts = partsOf([{ from, to }], apart);
  const [first, last] = [parts.days.at(0), parts.days.at(-1)];
  expect([parts.months, parts.days.length, first, last]).toEqual([
    months,
    ...days,
    ...(days.length > 1 ? [] : [undefined, undefined]),
  ]);
});

test.each([
  ["9999-12-31", false],
  ["0000-01-01", false],
  ["0050-01-01", false],
  ["2024-01-20", false],
  ["2024-01-21", true],
  ["2026-04-01", true],
  ["2026-04-02", false],
])("regression #32: a period may end on a day that can have figures: %s", (until, isValid) => {
  const result = overviewQueryAt(NOW_MS).safeParse({ until });
  expect(result.success).toBe(isValid);
  if (!isValid) expect(result.error?.issues).toMatchObject([{ path: ["until"] }]);
});

test("regression #32: splitting a period ends even if its years are impossible", () => {
  const last = "9999-12-31";
  expect(partsOf([{ from: last, to: last }], null)).toEqual({ days: [last], months: [] });
  expect(() => partsOf([{ from: "0001-01-01", to: "2026-01-01" }], null)).toThrow(RangeError);
});

test("regression #32: lists at most the days of a year", () => {
  expect(daysBetween({ from: "2025-01-01", to: "2026-01-01" })).toHaveLength(366);
  expect(() => daysBetween({ from: "0098-01-01", to: "1998-01-01" })).toThrow(RangeError);
});
