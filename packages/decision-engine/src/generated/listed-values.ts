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

/** Which kinds of a payment's values are on the selected lists. In `lists.deny.card`, these are the lists that deny. */
export class ListedValueFacts {
  readonly card: boolean;
  readonly bin: boolean;
  readonly device: boolean;
  readonly email: boolean;
  readonly ip: boolean;
  readonly ip_range: boolean;
  readonly terminal: boolean;
  readonly country: boolean;
  readonly any: boolean;

  constructor(hits: readonly { readonly kind: string }[]) {
    const isListed = (kind: string) => hits.some((hit) => hit.kind === kind);
    this.card = isListed("card");
    this.bin = isListed("bin");
    this.device = isListed("device");
    this.email = isListed("email");
    this.ip = isListed("ip");
    this.ip_range = isListed("ip_range");
    this.terminal = isListed("terminal");
    this.country = isListed("country");
    this.any = hits.length > 0;
  }
}

/** The noun that reasons use for the values of each kind. */
export const LIST_NOUNS: Readonly<Record<string, string>> = {
  card: "card",
  bin: "BIN",
  device: "device",
  email: "e-mail address",
  ip: "IP address",
  ip_range: "IP range",
  terminal: "terminal",
  country: "country",
};
