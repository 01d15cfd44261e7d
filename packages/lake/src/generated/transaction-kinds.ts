// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import { bytes, double, long, text } from "../column-kinds.js";

/** The fields of a payment and their column kinds in the lake. */
export const TRANSACTION_KINDS = {
  transactionId: text,
  tenant: text,
  clientTransactionId: text,
  cardToken: text,
  terminalId: text,
  amountMinor: long,
  currency: text,
  occurredAtMs: long,
  acceptedAtMs: long,
  deviceToken: text,
  ipToken: text,
  latitude: double,
  longitude: double,
  bin: text,
  emailToken: text,
  networkToken: text,
  cardCountry: text,
  merchantCountry: text,
  ipCountry: text,
  personal: bytes,
};
