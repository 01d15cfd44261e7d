import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** Channels in which the card is presented. Without a channel, a payment counts as remote. */
const PRESENT: readonly string[] = ["point_of_sale", "atm"];

export const isRemote = ({ channel }: Pick<Transaction, "channel">): boolean => !PRESENT.includes(channel);

const VISA = /^4/;
/** 51 to 55, and 2221 to 2720. */
const MASTERCARD = /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/;

/** The card's scheme as the client sent it or, without it, from the first digits of the card; empty if unknown. */
export function schemeOf({ cardBrand, bin }: Pick<Transaction, "cardBrand" | "bin">): string {
  if (cardBrand !== "") return cardBrand;
  if (VISA.test(bin)) return "visa";
  return MASTERCARD.test(bin) ? "mastercard" : "";
}
