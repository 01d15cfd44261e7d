import { compareReport } from "./compare-report.js";

const DAY_MS = 86_400_000;
const PAYMENT = {
  card_token: "ct_1",
  acquirer_reference: "7400",
  authorisation_code: "A1",
  amount_minor: 1_000,
  currency: "EUR",
  occurred_at_ms: 20_000 * DAY_MS + 5_000,
};
const SAME = { card: "same", acquirerReference: "same", authorisationCode: "same", amount: "same", day: "same" };

test.each([
  ["the same fields", {}, {}],
  ["only the day", { occurred_at_ms: 20_000 * DAY_MS }, {}],
  ["the next day", { occurred_at_ms: 20_001 * DAY_MS }, { day: "differs" }],
  ["another currency", { currency: "JPY" }, { amount: "differs" }],
  ["a partial amount", { amount_minor: 400 }, { amount: "differs" }],
  ["no amount", { amount_minor: null, currency: "" }, { amount: "unknown" }],
  ["no card", { card_token: "" }, { card: "unknown" }],
  [
    "another card and code",
    { card_token: "ct_2", authorisation_code: "B2" },
    { card: "differs", authorisationCode: "differs" },
  ],
])("compares a payment with its report: %s", (_, change, differences) => {
  expect(compareReport({ ...PAYMENT, ...change }, PAYMENT)).toEqual({ ...SAME, ...differences });
});

test("a payment without an acquirer reference does not differ from a report that has one", () => {
  const payment = { ...PAYMENT, acquirer_reference: "" };
  expect(compareReport(PAYMENT, payment)).toEqual({ ...SAME, acquirerReference: "unknown" });
});
