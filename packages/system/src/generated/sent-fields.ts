// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

/** Optional fields of a payment that a program can send. Latitude and longitude must be given together. */
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

/** The request's JSON for these fields. Fields without a value are left out. */
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
