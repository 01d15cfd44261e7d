import type { KnownDecision } from "../decisions/decision-rows.js";
import { usualOf } from "./card-usual.js";

const DAY_MS = 86_400_000;
const NOON_MS = 20_000 * DAY_MS + DAY_MS / 2;

const payment = (daysBefore: number, amount: number, currency = "EUR") =>
  ({
    occurred_at_ms: NOON_MS - daysBefore * DAY_MS,
    amount_minor: amount,
    currency,
    outcome: 1,
    terminal_id: `T${amount % 2}`,
  }) as KnownDecision;

test("uses only amounts in the case's currency, but the frequency and hours of all payments", () => {
  const past = [payment(1, 300), payment(2, 100), payment(3, 9_999, "USD"), payment(4, 200)];
  expect(usualOf(past, NOON_MS, "EUR")).toMatchObject({
    payments: 4,
    paymentsPerDay: 1,
    terminals: 2,
    amountP05Minor: 100,
    amountMedianMinor: 200,
    amountP95Minor: 300,
    amounts: [{ amountMinor: 200 }, { amountMinor: 100 }, { amountMinor: 300 }],
  });
  expect(usualOf(past, NOON_MS, "EUR").byHour[12]).toBe(4);
});

test("shows no baseline amount for a card without history, and only payments per day for a new card", () => {
  expect(usualOf([], NOON_MS, "EUR")).toMatchObject({ payments: 0, paymentsPerDay: 0, amountMedianMinor: null });
  expect(usualOf([payment(0.1, 5)], NOON_MS, "EUR")).toMatchObject({ paymentsPerDay: 1 });
});
