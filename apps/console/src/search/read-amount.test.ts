import { readAmount } from "./read-amount.js";

const inCurrency = (text: string, wanted: string) =>
  readAmount(text).find(({ currency }) => currency === wanted)?.amountMinor;

test.each([
  ["296.90", "EUR", 29_690],
  ["296,90", "EUR", 29_690],
  ["€296.90", "EUR", 29_690],
  ["296.9 eur", "EUR", 29_690],
  ["1,234.50 USD", "USD", 123_450],
  ["1.234,50", "EUR", 123_450],
  ["1'234.50 CHF", "CHF", 123_450],
  ["1 234 567", "EUR", 123_456_700],
  ["1,234", "EUR", 123_400],
  ["5000", "JPY", 5_000],
  ["5000", "KWD", 5_000_000],
  ["$19.99", "USD", 1_999],
  ["$19.99", "CAD", 1_999],
])("%s is an amount in %s", (text, currency, amountMinor) => {
  expect(inCurrency(text, currency)).toBe(amountMinor);
});

test.each([
  ["KWD 12.345", "KWD", [12_345, 12_345_000]],
  ["0.500 KWD", "KWD", [500]],
  ["1,234.567 KWD", "KWD", [1_234_567]],
  ["1234,567 KWD", "KWD", [1_234_567]],
  ["1\u202f234,50 EUR", "EUR", [123_450]],
  ["1\u00a0234,50\u00a0EUR", "EUR", [123_450]],
  ["CHF 1’234.50", "CHF", [123_450]],
  ["1,234 EUR", "EUR", [123_400]],
])("regression #32: reads all amounts that %j can mean in %s", (text, currency, wanted) => {
  expect(readAmount(text)).toEqual(wanted.map((amountMinor) => ({ currency, amountMinor })));
});

test("if the text names a currency, it matches no other, and a fraction matches no currency without decimals", () => {
  expect(readAmount("£5")).toEqual([{ currency: "GBP", amountMinor: 500 }]);
  expect(readAmount("19.99 JPY")).toEqual([]);
  expect(inCurrency("19.99", "JPY")).toBeUndefined();
});

test.each([
  "",
  "order-7",
  "ct_0123",
  "1.2.3",
  "1,23,456",
  "1,234,56",
  "12,3456",
  "EUR",
  "-5",
  "1e9",
  "9".repeat(40),
  "5 XXX EUR",
])("%j is not an amount", (text) => {
  expect(readAmount(text)).toEqual([]);
});
