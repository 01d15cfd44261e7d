/** A payment that the demo or a replay sends, with the truth that only the sender knows. */
export interface KnownPayment {
  readonly clientTransactionId: string;
  readonly cardNumber: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** When the truth becomes known; null when it never does. */
  readonly labelledAtMs: number | null;
  /** Of what follows a payment need not carry any; the place is there as a whole or not at all. */
  readonly deviceId?: string | null;
  readonly ipAddress?: string | null;
  /** WGS 84 degrees. */
  readonly latitude?: number | null;
  readonly longitude?: number | null;
}

/** The fields of a payment's JSON body that say where it comes from, without those that it does not carry. */
export function originBody({ deviceId, ipAddress, latitude, longitude }: KnownPayment): object {
  return {
    ...(deviceId == null ? {} : { device_id: deviceId }),
    ...(ipAddress == null ? {} : { ip_address: ipAddress }),
    ...(latitude == null || longitude == null ? {} : { location: { latitude, longitude } }),
  };
}
