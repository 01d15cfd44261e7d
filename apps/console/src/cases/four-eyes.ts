import { wasCurrency } from "@tripline/contracts/currency";
import { z } from "zod";

/**
 * Amounts in minor units from which a verdict needs a second user, by currency. The key "" applies to all other
 * currencies; 0 means never.
 */
export type FourEyesAmounts = ReadonlyMap<string, number>;

/** `500000,JPY=800000`. Amounts are not converted, so each currency may have its own. */
export const fourEyesAmounts = z
  .string()
  .default("500000")
  .transform((text, check): FourEyesAmounts => {
    const amounts = new Map<string, number>();
    for (const part of text.split(",")) {
      const [, currency = "", minor] = /^\s*(?:([A-Z]{3})\s*=)?\s*(\d{1,15})\s*$/.exec(part) ?? [];
      if (minor === undefined || amounts.has(currency) || !(currency === "" || wasCurrency(currency))) {
        check.addIssue({
          code: "custom",
          message: `must be amounts such as 500000 or JPY=800000, comma-separated: ${part} is invalid`,
        });
        return z.NEVER;
      }
      amounts.set(currency, Number(minor));
    }
    return amounts;
  });

/**
 * Whether a second user must confirm a verdict.
 *
 * @param sums of the payments that the verdict covers, in minor units by currency; each is compared with the threshold
 *   for its currency
 */
export function needsSecondPerson(amounts: FourEyesAmounts, sums: ReadonlyMap<string, number>): boolean {
  return [...sums].some(([currency, sum]) => {
    const least = amounts.get(currency) ?? amounts.get("") ?? 0;
    return least > 0 && sum >= least;
  });
}
