// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** The payment's values that are compared with list entries, by kind. */
export function listedValues(payment: Transaction) {
  return {
    card: payment.cardToken,
    bin: payment.bin,
    device: payment.deviceToken,
    email: payment.emailToken,
    ip: payment.ipToken,
    ip_range: payment.networkToken,
    terminal: payment.terminalId,
    country: [payment.cardCountry, payment.merchantCountry, payment.ipCountry, payment.billingCountry, payment.shippingCountry],
  };
}
