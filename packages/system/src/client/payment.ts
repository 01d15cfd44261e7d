/** A payment that the demo or a replay sends, with its label, which only the sender knows. */
export interface KnownPayment {
  readonly clientTransactionId: string;
  readonly cardNumber: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** When the label is reported; null if it never is. */
  readonly labelledAtMs: number | null;
  /** All of the following is optional; the location is there as a whole or not at all. */
  readonly deviceId?: string | null;
  readonly ipAddress?: string | null;
  /** WGS 84 degrees. */
  readonly latitude?: number | null;
  readonly longitude?: number | null;
  readonly email?: string | null;
  readonly cardholder?: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly cardCountry?: string | null;
  readonly merchantCountry?: string | null;
  readonly ipCountry?: string | null;
}

/** The fields of a payment's JSON body that say who pays and where it comes from, without those that it does not carry. */
export function originBody({ deviceId, ipAddress, latitude, longitude, ...payer }: KnownPayment): object {
  const { email, cardholder, cardCountry, merchantCountry, ipCountry } = payer;
  return {
    ...(email == null ? {} : { email }),
    ...(cardholder == null ? {} : { cardholder }),
    ...(cardCountry == null ? {} : { card_country: cardCountry }),
    ...(merchantCountry == null ? {} : { merchant_country: merchantCountry }),
    ...(ipCountry == null ? {} : { ip_country: ipCountry }),
    ...(deviceId == null ? {} : { device_id: deviceId }),
    ...(ipAddress == null ? {} : { ip_address: ipAddress }),
    ...(latitude == null || longitude == null ? {} : { location: { latitude, longitude } }),
  };
}
