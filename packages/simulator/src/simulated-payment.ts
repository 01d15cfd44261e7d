import type { PaymentDetails } from "./describe/payment-details.js";

export const SCENARIOS = [
  "none",
  "compromised-terminal",
  "stolen-card",
  "testing-burst",
  "bin-testing",
  "card-testing",
  "account-takeover",
] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** `attempt`: a small payment that tests a card number. `purchase`: a payment for gain. */
export type AttackStep = "attempt" | "purchase";

/** Details are present only if the simulation has the option `hasDetails`. */
export interface SimulatedPayment extends Partial<PaymentDetails> {
  /** Unique within a seed; ascending in event order. */
  readonly clientTransactionId: string;
  /** 16 digits from a test range, with a valid Luhn check digit. */
  readonly cardNumber: string;
  /** Null only with the option `omitsOnlineTerminals`. */
  readonly terminalId: string | null;
  readonly amountMinor: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly occurredAtMs: number;
  /** The paying device; null for a card-present-only card. */
  readonly deviceId: string | null;
  /** IPv4 or IPv6, from reserved ranges; null if `deviceId` is null. */
  readonly ipAddress: string | null;
  /** The payer's e-mail address; null if the payment has none. */
  readonly email: string | null;
  /** Countries of the card's issuer, the merchant and the address, ISO 3166-1 alpha-2; null without an address. */
  readonly cardCountry: string;
  readonly merchantCountry: string;
  readonly ipCountry: string | null;
  /** The terminal's location in WGS 84 degrees; null if the payment has none. */
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly fraud: boolean;
  readonly scenario: Scenario;
  /** Only in card testing and account takeovers. */
  readonly attackStep?: AttackStep;
  /** Only in card testing and account takeovers: the issuer's response code, ISO 8583. */
  readonly issuerCode?: string;
  /** When the label arrives: after about 3 days (at most 14) for fraud, or after 7 days for a genuine payment. */
  readonly labelledAtMs: number;
}

/** A payment before its terminal may be omitted. */
export type TerminalPayment = SimulatedPayment & { readonly terminalId: string };
