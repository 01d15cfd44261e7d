import { currencyDecimals } from "@tripline/contracts/currency";

/** The kind of a value, which determines its format. */
export type Unit =
  | "amount"
  | "minor_amount"
  | "clock"
  | "count"
  | "days"
  | "decimal"
  | "kilometres"
  | "seconds"
  | "share"
  | "signed"
  | "weekday";

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/**
 * Formats a number for analysts. Does not use `Intl`, whose output depends on the runtime, because a decision replay
 * must produce the same bytes.
 *
 * @param currency of an amount; if empty, the code is omitted
 */
export function formatValue(value: number | bigint, unit: Unit, currency = "", withCode = true): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  const code = withCode && currency !== "" ? ` ${currency}` : "";
  switch (unit) {
    case "amount":
      return `${grouped(number, currencyDecimals(currency))}${code}`;
    case "minor_amount":
      return `${grouped(number / 10 ** currencyDecimals(currency), currencyDecimals(currency))}${code}`;
    case "clock":
      return `${String(Math.floor(number)).padStart(2, "0")}:00`;
    case "count":
      return grouped(number, 0);
    case "days":
      return formatDuration(number * DAY_S);
    case "seconds":
      return formatDuration(number);
    case "share":
      return formatShare(number);
    case "signed":
      return number > 0 ? `+${formatDecimal(number)}` : formatDecimal(number);
    case "weekday":
      return WEEKDAYS[number - 1] ?? String(value);
    case "decimal":
    case "kilometres":
      return formatDecimal(number);
  }
}

/**
 * Formats with at most one decimal below 10, and none from 10 on. Numbers below 0.1 have one significant digit, so that
 * they are not shown as 0.
 */
export function formatDecimal(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude < 0.0001) return "0";
  if (magnitude < 0.095) return String(Number(value.toPrecision(1)));
  return magnitude < 9.95 ? String(Number(value.toFixed(1))) : grouped(value, 0);
}

/** Per cent with at most one decimal. Values strictly between 0 and 1 are never shown as 0 or 100 %. */
export function formatShare(value: number): string {
  const percent = value * 100;
  if (percent > 0 && percent < 0.01) return "less than 0.01 %";
  if (percent < 100 && percent >= 99.95) return "more than 99.9 %";
  const text = Math.abs(percent) < 0.095 ? String(Number(percent.toPrecision(1))) : String(Number(percent.toFixed(1)));
  return `${text} %`;
}

/**
 * A readable duration: `45 seconds`, `12 minutes`, `5 hours 30 minutes`, `5 days`. It is rounded down to the smallest
 * unit, so that "in the last 5 days" is true of 5.7 days.
 */
export function formatDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 2 * MINUTE_S) return plural(whole, "second");
  if (whole < 2 * HOUR_S) return plural(Math.floor(whole / MINUTE_S), "minute");
  if (whole >= 2 * DAY_S) return plural(Math.floor(whole / DAY_S), "day");
  const minutes = Math.floor((whole % HOUR_S) / MINUTE_S);
  const hours = plural(Math.floor(whole / HOUR_S), "hour");
  return minutes === 0 ? hours : `${hours} ${plural(minutes, "minute")}`;
}

/** A frequency, in the shortest period in which it happens at least once: `3 a day`, `2 a week`. */
export function formatRate(perDay: number): string {
  for (const [period, days] of [
    ["day", 1],
    ["week", 7],
  ] as const) {
    if (perDay * days >= 0.95) return `${grouped(perDay * days, 0)} a ${period}`;
  }
  return `${grouped(Math.max(1, perDay * 30), 0)} a month`;
}

/** `1,234.50`. */
function grouped(value: number, decimals: number): string {
  const [whole = "", fraction] = value.toFixed(decimals).split(".");
  const separated = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? separated : `${separated}.${fraction}`;
}

function plural(count: number, unit: string): string {
  return `${grouped(count, 0)} ${unit}${count === 1 ? "" : "s"}`;
}
