import { formatMoney, formatRoundMoney, formatShort, formatShortMoney, parseMajor, toMajor } from "./numbers.js";

// The forint, the Colombian peso and the Iraqi dinar have decimals in ISO 4217 and none in browsers.
test.each([
  ["19.99", "EUR", 1_999],
  ["1,1", "EUR", 110],
  ["5000", "JPY", 5_000],
  ["5000", "HUF", 500_000],
  ["12.5", "IQD", 12_500],
])("converts %s %s to %i minor units, and back", (typed, currency, minor) => {
  expect(parseMajor(typed, currency)).toBe(minor);
  expect(toMajor(minor, currency)).toBe(Number(typed.replace(",", ".")));
});

test.each(["", " ", "-1", "much", "1e999"])("rejects %j as an amount", (typed) => {
  expect(parseMajor(typed, "EUR")).toBeUndefined();
});

test.each([
  [1_999, "EUR", 19.99, 2],
  [5_000, "JPY", 5_000, 0],
  [500_000, "HUF", 5_000, 2],
  [12_500, "IQD", 12.5, 3],
])("shows %i minor units of %s as %d", (minor, currency, major, digits) => {
  const written = new Intl.NumberFormat(undefined, { minimumFractionDigits: digits }).format(major);
  const digitsOf = (shown: string) => shown.replaceAll(/[^\d.,]/g, "");
  expect(digitsOf(formatMoney(minor, currency))).toBe(digitsOf(written));
  expect(formatShortMoney(minor, currency)).toBe(formatShort(major));
});

test.each([
  [29_690, "EUR", "296.90"],
  [4_093_512, "EUR", "40,935"],
  [5_000, "JPY", "5,000"],
  [6_960_000_000, "EUR", "69.6M"],
  [4_093_512, "token", "40,935.12"],
])("shows %i minor units of %s in a small space as %s", (minor, currency, shown) => {
  expect(formatRoundMoney(minor, currency).replaceAll(/[^\d.,M]/g, "")).toBe(shown);
});
