// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

/** Optional fields of a payment, as a program that sends it knows them. Coordinates count only together. */
export interface SentFields {
  readonly deviceId?: string | null;
  readonly ipAddress?: string | null;
  readonly email?: string | null;
  readonly cardholder?: string | null;
  readonly cardCountry?: string | null;
  readonly merchantCountry?: string | null;
  readonly ipCountry?: string | null;
  readonly latitude?: number | null;
  readonly longitude?: number | null;
}

/** Those fields in the JSON of a request, without the ones that it does not carry. */
export function sentBody(of: SentFields): object {
  return {
    ...(of.deviceId == null ? {} : { device_id: of.deviceId }),
    ...(of.ipAddress == null ? {} : { ip_address: of.ipAddress }),
    ...(of.email == null ? {} : { email: of.email }),
    ...(of.cardholder == null ? {} : { cardholder: of.cardholder }),
    ...(of.cardCountry == null ? {} : { card_country: of.cardCountry }),
    ...(of.merchantCountry == null ? {} : { merchant_country: of.merchantCountry }),
    ...(of.ipCountry == null ? {} : { ip_country: of.ipCountry }),
    ...(of.latitude == null || of.longitude == null ? {} : { location: { latitude: of.latitude, longitude: of.longitude } }),
  };
}
