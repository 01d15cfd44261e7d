import { formatDuration, formatNumber, parseTemplate, renderText } from "./render-text.js";

describe("formatNumber", () => {
  test.each([
    [0, "0"],
    [12, "12"],
    [12.5, "12.5"],
    [12.345, "12.35"],
    [1234567.891, "1234567.89"],
    [0.004321, "0.004"],
    [0.00001, "0"],
    [-2.71999, "-2.72"],
  ])("%d reads as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

describe("formatDuration", () => {
  test.each([
    [1, "1 second"],
    [0, "0 seconds"],
    [119, "119 seconds"],
    [120, "2 minutes"],
    [5400, "90 minutes"],
    [9000, "2.5 hours"],
    [2_592_000, "30 days"],
  ])("%d s reads as %s", (value, text) => {
    expect(formatDuration(value)).toBe(text);
  });
});

describe("templates", () => {
  const render = (text: string, values: Record<string, number | bigint | string>) => {
    const template = parseTemplate(text);
    return template === undefined ? undefined : renderText(template, values);
  };

  test("values replace their placeholders", () => {
    const text = render("{amount} {currency}, {card_seconds_since_last} after the last, {amount_minor} in all", {
      amount: 12.5,
      currency: "EUR",
      card_seconds_since_last: 60,
      amount_minor: 1250n,
    });
    expect(text).toBe("12.5 EUR, 60 seconds after the last, 1250 in all");
  });

  test.each([
    ["terminal_fraud_rate_7d", 0.5, "50 %"],
    ["card_risk_28d", 0.0123, "1.23 %"],
    ["card_fraud_count_7d", 2, "2"],
  ])("%s of %d is written as %s", (name, value, text) => {
    expect(render(`{${name}}`, { [name]: value })).toBe(text);
  });

  test("a value that holds a placeholder is not expanded again", () => {
    expect(render("at {terminal_id}", { terminal_id: "{amount}", amount: 1 })).toBe("at {amount}");
  });

  test.each(["an open { brace", "a } brace", "{Upper}", "{}", "{a b}", "nul \0 {amount}"])("%j is refused", (text) => {
    expect(parseTemplate(text)).toBeUndefined();
  });
});
