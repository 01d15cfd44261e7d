import { fourEyesAmounts, needsSecondPerson } from "./four-eyes.js";

test.each([
  ["500000", 500_000, "EUR", true],
  ["500000", 499_999, "EUR", false],
  // 800,000 yen, 1,500 dinars: amounts are not converted, so a currency may have its own threshold.
  ["500000,JPY=800000,KWD=1500000", 500_000, "JPY", false],
  ["500000,JPY=800000,KWD=1500000", 800_000, "JPY", true],
  ["500000, KWD = 1500000", 500_000, "KWD", false],
  ["500000,JPY=0", 9_000_000, "JPY", false],
  ["0", 9_000_000, "EUR", false],
  ["0,EUR=1", 1, "EUR", true],
  ["EUR=500000", 9_000_000, "JPY", false],
])('with the limit "%s", a case of %i %s needs a second user: %s', (text, amount, currency, isNeeded) => {
  expect(needsSecondPerson(fourEyesAmounts.parse(text), new Map([[currency, amount]]))).toBe(isNeeded);
});

test.each([
  [500_000, 1, true],
  [1, 800_000, true],
  // Amounts in different currencies are not converted, so they are not added up.
  [499_999, 799_999, false],
])("a case of %i EUR and %i JPY needs a second user: %s", (eur, jpy, isNeeded) => {
  const sums = new Map([
    ["EUR", eur],
    ["JPY", jpy],
  ]);
  expect(needsSecondPerson(fourEyesAmounts.parse("500000,JPY=800000"), sums)).toBe(isNeeded);
});

test.each(["", "-1", "5,000", "JPY", "EURO=5", "XXX=5", "EUR=1,EUR=2", "1,2"])("rejects %s", (text) => {
  expect(fourEyesAmounts.safeParse(text).success).toBe(false);
});
