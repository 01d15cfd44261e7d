/**
 * ISO 4217, list one ("current currency & funds code list") as published by its maintenance agency, SIX, on 2026-01-01:
 * https://www.six-group.com/en/products-services/financial-information/market-reference-data/data-standards.html
 * Currencies are grouped by number of decimal places, which ISO calls the minor unit. Excludes funds codes and units of
 * account, in which no card payments are made (`NOT_PAID_IN`), and the 13 codes without a minor unit, because amounts
 * are in minor units: metals, bond market units, XDR, XSU, XUA, XTS and XXX. The list of the JavaScript engine (`Intl`)
 * is not used: it lags behind the standard and takes the number of decimals from CLDR, where HUF, COP, IDR, PKR and
 * twelve other currencies have 0 instead of 2 or 3.
 */
const ACTIVE: Readonly<Record<number, string>> = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
  2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED
    VES WST XCD XCG YER ZAR ZMW ZWG`,
  3: "BHD IQD JOD KWD LYD OMR TND",
};

/**
 * Withdrawn since 2021 (list three), but present in earlier payments. The last one is BGN, withdrawn on 2026-01-01,
 * when Bulgaria adopted the euro.
 */
const WITHDRAWN: Readonly<Record<number, string>> = { 2: "ANG BGN CUC HRK SLL ZWL" };

/** Funds codes and the Arab Monetary Fund's unit of account. Earlier payments may have them; new ones are rejected. */
const NOT_PAID_IN: Readonly<Record<number, string>> = { 0: "UYI", 2: "BOV CHE CHW COU MXV USN XAD", 4: "CLF UYW" };

const active = decimalsByCode(ACTIVE);
const earlier = new Map([...decimalsByCode(WITHDRAWN), ...decimalsByCode(NOT_PAID_IN)]);

function decimalsByCode(table: Readonly<Record<number, string>>): ReadonlyMap<string, number> {
  const rows = Object.entries(table).map(([decimals, codes]) => [Number(decimals), codes.split(/\s+/)] as const);
  return new Map(rows.flatMap(([decimals, codes]) => codes.map((code) => [code, decimals] as const)));
}

/** Codes of all currencies that a payment may use, including withdrawn ones, in alphabetical order. */
export const CURRENCIES: readonly string[] = [...active.keys(), ...earlier.keys()].toSorted();

/** Codes of the currencies in which a payment can be made today, in alphabetical order. */
export const CURRENT_CURRENCIES: readonly string[] = [...active.keys()].toSorted();

/** The largest amount of a payment, in minor units of its currency. */
export const AMOUNT_MINOR_MAX = 1_000_000_000_000;

/** Whether a payment can be made in a currency today. */
export function isCurrency(code: string): boolean {
  return active.has(code);
}

/** Whether this is, or once was, a currency code: the currency of an accepted payment may be withdrawn later. */
export function wasCurrency(code: string): boolean {
  return active.has(code) || earlier.has(code);
}

/** Decimal places of a currency, including withdrawn ones: 2 for EUR, 0 for JPY, 3 for KWD; 2 if it is unknown. */
export function currencyDecimals(code: string): number {
  return active.get(code) ?? earlier.get(code) ?? 2;
}
