import { currencyDecimals } from "@tripline/contracts/currency";

/**
 * An amount of a policy file, which is in major units, in minor units, as in payments.
 *
 * @param fault called with a sentence if the amount has more decimals than the currency; the result is then rounded
 */
export function minorUnits(major: number, currency: string, fault: (sentence: string) => void): number {
  const decimals = currencyDecimals(currency);
  const minor = Math.round(major * 10 ** decimals);
  if (minor / 10 ** decimals !== major || !Number.isSafeInteger(minor)) {
    fault(`must have at most ${decimals} decimals in ${currency}`);
  }
  return minor;
}
