import { AMOUNT_MINOR_MAX, CURRENCIES, currencyDecimals } from "@tripline/contracts/currency";

export interface AmountIn {
  readonly currency: string;
  readonly amountMinor: number;
}

const SIGNS: Readonly<Record<string, string>> = { "€": "EUR", "£": "GBP" };
const AMOUNT = /^(?<before>[A-Z]{3}|[€£$¥])?\s*(?<number>\d[\d.,'’\s]*?)\s*(?<after>[A-Z]{3}|[€£$¥])?$/i;

/**
 * Reads an amount such as `296.90`, `€296,90`, `1,234.50 USD` or `1234`. A dollar or yen sign can mean several
 * currencies. In currencies with three decimals, `1,234` can mean 1.234 or 1,234.000.
 *
 * @returns all possible amounts, in the smallest unit of their currency; empty if the text is not an amount
 */
export function readAmount(text: string): AmountIn[] {
  const { before, number = "", after } = AMOUNT.exec(text)?.groups ?? {};
  const numbers = plainNumbers(number.replaceAll(/\s/g, " ").replaceAll("’", "'"));
  if (numbers.length === 0) return [];
  const named = before ?? after;
  const code = named === undefined ? undefined : (SIGNS[named] ?? named.toUpperCase());
  const currencies = code === undefined || /^[$¥]$/.test(code) ? CURRENCIES : CURRENCIES.filter((one) => one === code);
  return currencies.flatMap((currency) => {
    const decimals = currencyDecimals(currency);
    return numbers.flatMap(({ whole, fraction = "" }) => {
      if (fraction.length > decimals) return [];
      const amountMinor = Number(whole + fraction.padEnd(decimals, "0"));
      return amountMinor > AMOUNT_MINOR_MAX ? [] : [{ currency, amountMinor }];
    });
  });
}

interface PlainNumber {
  readonly whole: string;
  readonly fraction?: string | undefined;
}

const DECIMAL = /^(?<whole>\d+)(?:[.,](?<fraction>\d{1,3}))?$/;
const GROUPED =
  /^(?<whole>[1-9]\d{0,2}(?<mark>[.,' ])\d{3}(?:\k<mark>\d{3})*)(?:(?!\k<mark>)[.,](?<fraction>\d{1,3}))?$/;

/** All numbers that a text can mean. A separator before exactly three digits can separate thousands or decimals. */
function plainNumbers(written: string): PlainNumber[] {
  return [DECIMAL, GROUPED].flatMap((form) => {
    const { whole, fraction } = form.exec(written)?.groups ?? {};
    return whole === undefined ? [] : [{ whole: whole.replaceAll(/\D/g, ""), fraction }];
  });
}
