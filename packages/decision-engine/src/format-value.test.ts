import type { Unit } from "./format-value.js";
import { formatDecimal, formatDuration, formatRate, formatShare, formatValue } from "./format-value.js";

describe("a value for readers", () => {
  test.each<[Unit, number | bigint, string, string]>([
    ["amount", 1_234_567.5, "EUR", "1,234,567.50 EUR"],
    ["amount", 6_000, "JPY", "6,000 JPY"],
    ["amount", 1.5, "KWD", "1.500 KWD"],
    ["amount", -12.5, "EUR", "-12.50 EUR"],
    ["minor_amount", 1_250n, "EUR", "12.50 EUR"],
    ["minor_amount", 1_250n, "JPY", "1,250 JPY"],
    ["clock", 3, "", "03:00"],
    ["clock", 17n, "", "17:00"],
    ["count", 1_234, "", "1,234"],
    ["days", 5.71, "", "5 days"],
    ["days", 1.25, "", "30 hours"],
    ["decimal", 4.44, "", "4.4"],
    ["kilometres", 812.3, "", "812"],
    ["seconds", 4_200, "", "70 minutes"],
    ["share", 0.5, "", "50 %"],
    ["signed", 3.21, "", "+3.2"],
    ["signed", -0.84, "", "-0.8"],
    ["weekday", 7n, "", "Sunday"],
    ["weekday", 9, "", "9"],
    ["count", Number.NaN, "", "NaN"],
    ["amount", Number.POSITIVE_INFINITY, "EUR", "Infinity"],
  ])("formats a value of unit %s: %p %s is %s", (unit, value, currency, text) => {
    expect(formatValue(value, unit, currency)).toBe(text);
  });

  test("omits the currency of an amount next to its currency", () => {
    expect(formatValue(12.5, "amount", "EUR", false)).toBe("12.50");
  });
});

test.each([
  [0, "0"],
  [12, "12"],
  [12.5, "13"],
  [9.94, "9.9"],
  [9.96, "10"],
  [1_234_567.891, "1,234,568"],
  [0.1, "0.1"],
  [0.004321, "0.004"],
  [0.00001, "0"],
  [-2.71999, "-2.7"],
])("%d reads as %s", (value, text) => {
  expect(formatDecimal(value)).toBe(text);
});

test.each([
  [0, "0 %"],
  [0.000001, "less than 0.01 %"],
  [0.0004, "0.04 %"],
  [0.0123, "1.2 %"],
  [0.7, "70 %"],
  [0.9994, "99.9 %"],
  [0.9999, "more than 99.9 %"],
  [1, "100 %"],
])("a share of %d reads as %s", (value, text) => {
  expect(formatShare(value)).toBe(text);
});

test.each([
  [1, "1 second"],
  [0, "0 seconds"],
  [119.9, "119 seconds"],
  [120, "2 minutes"],
  [5_400, "90 minutes"],
  [7_200, "2 hours"],
  [9_000, "2 hours 30 minutes"],
  [7_260, "2 hours 1 minute"],
  [172_799, "47 hours 59 minutes"],
  [493_344, "5 days"],
  [2_592_000, "30 days"],
])("%d s read as %s", (value, text) => {
  expect(formatDuration(value)).toBe(text);
});

test.each([
  [1_440, "1,440 a day"],
  [2.2, "2 a day"],
  [0.96, "1 a day"],
  [0.5, "4 a week"],
  [0.1, "3 a month"],
  [0.001, "1 a month"],
])("%d per day reads as %s", (value, text) => {
  expect(formatRate(value)).toBe(text);
});
