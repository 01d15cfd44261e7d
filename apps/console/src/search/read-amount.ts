import { AMOUNT_MINOR_MAX, CURRENCIES, currencyDecimals } from "@tripline/contracts/currency";

export interface AmountIn {
  readonly currency: string;
  readonly amountMinor: number;
}

const SIGNS: Readonly<Record<string, string>> = { "€": "EUR", "£": "GBP" };
const AMOUNT = /^(?<before>[A-Z]{3}|[€£$¥])?\s*(?<number>\d[\d.,' ]*?)\s*(?<after>[A-Z]{3}|[€£$¥])?$/i;

/**
 * Reads an amount such as `296.90`, `€296,90`, `1,234.50 USD` or `1234`. A dollar or yen sign may mean several currencies.
 *
 * @returns the amount in the smallest unit of each currency in which it exists; empty if the text is not an amount
 */
export function readAmount(text: string): AmountIn[] {
  const { before, number = "", after } = AMOUNT.exec(text)?.groups ?? {};
  const digits = plainNumber(number);
  if (digits === undefined) return [];
  const named = before ?? after;
  const code = named === undefined ? undefined : (SIGNS[named] ?? named.toUpperCase());
  const currencies = code === undefined || /^[$¥]$/.test(code) ? CURRENCIES : CURRENCIES.filter((one) => one === code);
  const [whole = "", fraction = ""] = digits.split(".");
  return currencies.flatMap((currency) => {
    const decimals = currencyDecimals(currency);
    if (fraction.length > decimals) return [];
    const amountMinor = Number(whole + fraction.padEnd(decimals, "0"));
    return amountMinor > AMOUNT_MINOR_MAX ? [] : [{ currency, amountMinor }];
  });
}

/** A number with a point before its decimals. One separator before exactly three digits separates thousands. */
function plainNumber(written: string): string | undefined {
  if (/^\d+([.,]\d{1,2})?$/.test(written)) return written.replace(",", ".");
  const grouped = /^(?<whole>\d{1,3}(?<mark>[.,' ])\d{3}(?:\k<mark>\d{3})*)(?:[.,](?<fraction>\d{1,2}))?$/.exec(
    written,
  );
  const { whole, fraction } = grouped?.groups ?? {};
  if (whole === undefined) return undefined;
  return whole.replaceAll(/\D/g, "") + (fraction === undefined ? "" : `.${fraction}`);
}
