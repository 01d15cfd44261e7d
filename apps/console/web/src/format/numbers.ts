import { currencyDecimals } from "@tripline/contracts/currency";

/** Numbers and amounts in the user's locale. Unknown values are shown as a dash. */

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const decimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const moneyFormats = new Map<string, Intl.NumberFormat | null>();

export function formatCount(count: number | null): string {
  return count === null ? UNKNOWN : whole.format(count);
}

export function formatShort(count: number): string {
  return short.format(count);
}

export function formatDecimal(value: number | null): string {
  return value === null ? UNKNOWN : decimal.format(value);
}

const BYTE_UNITS = ["byte", "kilobyte", "megabyte"] as const;

/** A size in bytes, kB or MB. */
export function formatBytes(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const unit = {
    style: "unit",
    unit: BYTE_UNITS[power] ?? "byte",
    maximumFractionDigits: power === 2 ? 1 : 0,
  } as const;
  return new Intl.NumberFormat(undefined, unit).format(bytes / 1_000 ** power);
}

/** @param share from 0 to 1 */
export function formatShare(share: number | null, digits = 1): string {
  if (share === null || !Number.isFinite(share)) return UNKNOWN;
  return new Intl.NumberFormat(undefined, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(share);
}

/** A fraud probability, with more digits close to zero. */
export function formatScore(score: number | null): string {
  return formatShare(score, score !== null && score < 0.1 ? 1 : 0);
}

/** @param amountMinor in the currency's smallest unit */
export function formatMoney(amountMinor: number | null, currency: string): string {
  if (amountMinor === null) return UNKNOWN;
  const major = toMajor(amountMinor, currency);
  return moneyFormat(currency)?.format(major) ?? `${decimal.format(major)} ${currency}`;
}

/** Two amounts of a currency, such as €1 – €3 or €1.99 – €2.50. */
export function formatMoneyRange(lowMinor: number, highMinor: number, currency: string): string {
  const [low, high] = [toMajor(lowMinor, currency), toMajor(highMinor, currency)];
  if (low === high || moneyFormat(currency) === null) return formatMoney(lowMinor, currency);
  const digits = Number.isInteger(low) && Number.isInteger(high) ? 0 : currencyDecimals(currency);
  const of = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(undefined, of).formatRange(low, high);
}

const EXACT_BELOW = 1_000;
const COMPACT_FROM = 10_000_000;

/** An amount that fits a small space: €296.90, €70,691, €71.4M. */
export function formatRoundMoney(amountMinor: number, currency: string): string {
  const major = toMajor(amountMinor, currency);
  if (major < EXACT_BELOW || moneyFormat(currency) === null) return formatMoney(amountMinor, currency);
  const round =
    major < COMPACT_FROM ? { maximumFractionDigits: 0 } : ({ notation: "compact", maximumFractionDigits: 1 } as const);
  return new Intl.NumberFormat(undefined, { style: "currency", currency, ...round }).format(major);
}

/** An amount without its currency, for the axis of a chart. */
export function formatShortMoney(amountMinor: number, currency: string): string {
  return formatShort(toMajor(amountMinor, currency));
}

/** Null if it is not a currency code. */
function moneyFormat(currency: string): Intl.NumberFormat | null {
  const known = moneyFormats.get(currency);
  if (known !== undefined) return known;
  // By default, browsers show forints and 15 other currencies without their decimals.
  const digits = currencyDecimals(currency);
  const of = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
  const made = /^[A-Z]{3}$/.test(currency) ? new Intl.NumberFormat(undefined, of) : null;
  moneyFormats.set(currency, made);
  return made;
}

/** @param amountMinor in the currency's smallest unit: 1999 are 19.99 in EUR, and 1999 in JPY */
export function toMajor(amountMinor: number, currency: string): number {
  return amountMinor / 10 ** currencyDecimals(currency);
}

/** Minor units of an entered amount; undefined if it is not a number. */
export function parseMajor(typed: string, currency: string): number | undefined {
  if (typed.trim() === "") return undefined;
  const value = Number(typed.replace(",", "."));
  return Number.isFinite(value) && value >= 0 ? Math.round(value * 10 ** currencyDecimals(currency)) : undefined;
}
