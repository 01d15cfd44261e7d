export const SCENARIOS = ["none", "compromised-terminal", "stolen-card", "testing-burst", "bin-testing"] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface SimulatedPayment {
  /** Unique within a seed; ascending in event order. */
  readonly clientTransactionId: string;
  /** 16 digits from a test range, valid by Luhn. */
  readonly cardNumber: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly occurredAtMs: number;
  /** The device that pays; null for a card that pays only where it is presented. */
  readonly deviceId: string | null;
  /** IPv4 or IPv6, from ranges that belong to nobody; null where `deviceId` is. */
  readonly ipAddress: string | null;
  /** The payer's e-mail address; null where the payment does not say so. */
  readonly email: string | null;
  /** Of the card's issuer, the merchant and the address, ISO 3166-1 alpha-2; null where there is no address. */
  readonly cardCountry: string;
  readonly merchantCountry: string;
  readonly ipCountry: string | null;
  /** Where the terminal stands, WGS 84 degrees; null where the payment does not say so. */
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly fraud: boolean;
  readonly scenario: Scenario;
  /** When the label is reported: after about 3 days (at most 14) for fraud, 7 days for a genuine payment. */
  readonly labelledAtMs: number;
}
