import type { Unit } from "./format-value.js";
import { parseTemplate, renderText } from "./render-text.js";

const UNITS: ReadonlyMap<string, Unit> = new Map([
  ["amount", "amount"],
  ["amount_minor", "minor_amount"],
  ["card_seconds_since_last", "seconds"],
  ["card_count_5m", "count"],
  ["terminal_fraud_rate_7d", "share"],
]);

describe("templates", () => {
  const render = (text: string, values: Record<string, number | bigint | string>) => {
    const template = parseTemplate(text, (name) => UNITS.get(name));
    return template === undefined ? undefined : renderText(template, values);
  };

  test("replace placeholders with values formatted for readers", () => {
    const values = { amount: 12.5, amount_minor: 1_250n, card_seconds_since_last: 60, currency: "EUR" };
    expect(render("{amount}, {card_seconds_since_last} after the last, {amount_minor} in all", values)).toBe(
      "12.50 EUR, 60 seconds after the last, 12.50 EUR in all",
    );
    expect(
      render("{terminal_fraud_rate_7d} of {unit_unknown}", { terminal_fraud_rate_7d: 0.5, unit_unknown: 2.34 }),
    ).toBe("50 % of 2.3");
  });

  test("contain the currency only once if the sentence itself contains it", () => {
    expect(render("{amount} {currency}", { amount: 12.5, currency: "EUR" })).toBe("12.50 EUR");
  });

  test.each([
    [0, "0 payments were"],
    [1, "1 payment was"],
    [2, "2 payments were"],
  ])("use the singular or plural for the number %d: %s", (card_count_5m, text) => {
    expect(render("{card_count_5m} {card_count_5m:payment/payments} {card_count_5m:was/were}", { card_count_5m })).toBe(
      text,
    );
  });

  test("say that a value is missing", () => {
    expect(render("{amount} paid", {})).toBe("(amount unknown) paid");
  });

  test("do not expand a value that contains a placeholder", () => {
    expect(render("at {terminal_id}", { terminal_id: "{amount}", amount: 1 })).toBe("at {amount}");
  });

  test.each([
    "an open { brace",
    "a } brace",
    "{Upper}",
    "{}",
    "{a b}",
    "nul \0 {amount}",
    "{amount:one}",
    "{amount:a/b/c}",
  ])("reject %j", (text) => {
    expect(parseTemplate(text, () => undefined)).toBeUndefined();
  });
});
