// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** Payment fields that rules can use, with their CEL types. */
export const FIELD_VARIABLES = {
  tenant: "string",
  terminal_id: "string",
  amount_minor: "int",
  currency: "string",
  bin: "string",
  card_country: "string",
  merchant_country: "string",
  ip_country: "string",
} as const;

/** The values of `FIELD_VARIABLES`. A CEL int is a bigint. */
export function fieldValues(transaction: Transaction) {
  return {
    tenant: transaction.tenant,
    terminal_id: transaction.terminalId,
    amount_minor: BigInt(transaction.amountMinor),
    currency: transaction.currency,
    bin: transaction.bin,
    card_country: transaction.cardCountry,
    merchant_country: transaction.merchantCountry,
    ip_country: transaction.ipCountry,
  };
}

/** The values for a payment without any data. */
export const UNKNOWN_FIELDS = {
  tenant: "",
  terminal_id: "",
  amount_minor: 0n,
  currency: "",
  bin: "",
  card_country: "",
  merchant_country: "",
  ip_country: "",
};
