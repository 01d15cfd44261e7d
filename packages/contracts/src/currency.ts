/**
 * ISO 4217 codes with their number of decimal places, as ECMA-402 defines them for every JavaScript engine
 * (https://tc39.es/ecma402/#sec-currencydigits), so that the table needs no upkeep here.
 */
const decimals = new Map<string, number>(
  Intl.supportedValuesOf("currency").map((code) => {
    const format = new Intl.NumberFormat("en", { style: "currency", currency: code });
    return [code, format.resolvedOptions().maximumFractionDigits ?? 2];
  }),
);

export function isCurrency(code: string): boolean {
  return decimals.has(code);
}

/** Decimal places of a known currency: 2 for EUR, 0 for JPY, 3 for KWD. */
export function currencyDecimals(code: string): number {
  return decimals.get(code) ?? 2;
}
