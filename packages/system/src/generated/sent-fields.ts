// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

/** Optional fields of a payment that a program can send. Latitude and longitude must be given together. */
export interface SentFields {
  readonly terminalId?: string | null;
  readonly deviceId?: string | null;
  readonly ipAddress?: string | null;
  readonly email?: string | null;
  readonly cardholder?: string | null;
  readonly cardCountry?: string | null;
  readonly merchantCountry?: string | null;
  readonly ipCountry?: string | null;
  readonly latitude?: number | null;
  readonly longitude?: number | null;
  readonly merchantId?: string | null;
  readonly mcc?: string | null;
  readonly channel?: "ecommerce" | "in_app" | "point_of_sale" | "moto" | "atm" | null;
  readonly entryMode?: "chip" | "contactless" | "magnetic_stripe" | "keyed" | "on_file" | "wallet" | null;
  readonly initiator?: "customer" | "merchant" | "recurring" | null;
  readonly isTest?: boolean | null;
  readonly cardFunding?: "credit" | "debit" | "prepaid" | "charge" | null;
  readonly cardBrand?: "visa" | "mastercard" | "amex" | "discover" | "diners" | "jcb" | "unionpay" | "maestro" | "other" | null;
  readonly accountId?: string | null;
  readonly accountAgeDays?: number | null;
  readonly emailAgeDays?: number | null;
  readonly phone?: string | null;
  readonly deviceFingerprint?: string | null;
  readonly billingCountry?: string | null;
  readonly billingPostalCode?: string | null;
  readonly shippingCountry?: string | null;
  readonly shippingPostalCode?: string | null;
  readonly threeDsVersion?: string | null;
  readonly threeDsResult?: "authenticated" | "attempted" | "failed" | "unavailable" | "rejected" | "informational" | null;
  readonly eci?: string | null;
  readonly liabilityShift?: boolean | null;
  readonly exemption?: "low_value" | "low_risk" | "trusted_merchant" | "secure_corporate" | "delegated" | null;
  readonly avsResult?: "full_match" | "address_match" | "postal_code_match" | "no_match" | "unavailable" | null;
  readonly cvcResult?: "match" | "no_match" | "unavailable" | null;
  readonly authorisationCode?: string | null;
  readonly acquirerReference?: string | null;
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | null;
}

/** The request's JSON for these fields. Fields without a value are left out. */
export function sentBody(of: SentFields): object {
  return {
    ...(of.terminalId == null ? {} : { terminal_id: of.terminalId }),
    ...(of.deviceId == null ? {} : { device_id: of.deviceId }),
    ...(of.ipAddress == null ? {} : { ip_address: of.ipAddress }),
    ...(of.email == null ? {} : { email: of.email }),
    ...(of.cardholder == null ? {} : { cardholder: of.cardholder }),
    ...(of.cardCountry == null ? {} : { card_country: of.cardCountry }),
    ...(of.merchantCountry == null ? {} : { merchant_country: of.merchantCountry }),
    ...(of.ipCountry == null ? {} : { ip_country: of.ipCountry }),
    ...(of.latitude == null || of.longitude == null ? {} : { location: { latitude: of.latitude, longitude: of.longitude } }),
    ...(of.merchantId == null ? {} : { merchant_id: of.merchantId }),
    ...(of.mcc == null ? {} : { mcc: of.mcc }),
    ...(of.channel == null ? {} : { channel: of.channel }),
    ...(of.entryMode == null ? {} : { entry_mode: of.entryMode }),
    ...(of.initiator == null ? {} : { initiator: of.initiator }),
    ...(of.isTest == null ? {} : { is_test: of.isTest }),
    ...(of.cardFunding == null ? {} : { card_funding: of.cardFunding }),
    ...(of.cardBrand == null ? {} : { card_brand: of.cardBrand }),
    ...(of.accountId == null ? {} : { account_id: of.accountId }),
    ...(of.accountAgeDays == null ? {} : { account_age_days: of.accountAgeDays }),
    ...(of.emailAgeDays == null ? {} : { email_age_days: of.emailAgeDays }),
    ...(of.phone == null ? {} : { phone: of.phone }),
    ...(of.deviceFingerprint == null ? {} : { device_fingerprint: of.deviceFingerprint }),
    ...(of.billingCountry == null ? {} : { billing_country: of.billingCountry }),
    ...(of.billingPostalCode == null ? {} : { billing_postal_code: of.billingPostalCode }),
    ...(of.shippingCountry == null ? {} : { shipping_country: of.shippingCountry }),
    ...(of.shippingPostalCode == null ? {} : { shipping_postal_code: of.shippingPostalCode }),
    ...(of.threeDsVersion == null ? {} : { three_ds_version: of.threeDsVersion }),
    ...(of.threeDsResult == null ? {} : { three_ds_result: of.threeDsResult }),
    ...(of.eci == null ? {} : { eci: of.eci }),
    ...(of.liabilityShift == null ? {} : { liability_shift: of.liabilityShift }),
    ...(of.exemption == null ? {} : { exemption: of.exemption }),
    ...(of.avsResult == null ? {} : { avs_result: of.avsResult }),
    ...(of.cvcResult == null ? {} : { cvc_result: of.cvcResult }),
    ...(of.authorisationCode == null ? {} : { authorisation_code: of.authorisationCode }),
    ...(of.acquirerReference == null ? {} : { acquirer_reference: of.acquirerReference }),
    ...(of.attributes == null ? {} : { attributes: of.attributes }),
  };
}
