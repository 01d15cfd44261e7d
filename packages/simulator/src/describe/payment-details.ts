/** Additional fields of a payment, as in `payment.yaml`; null if the payment has no such value. */
export interface PaymentDetails {
  readonly merchantId: string;
  /** ISO 18245. */
  readonly mcc: string;
  readonly channel: "ecommerce" | "in_app" | "point_of_sale";
  readonly entryMode: "chip" | "contactless" | "magnetic_stripe" | "keyed" | "on_file" | "wallet";
  readonly initiator: "customer" | "recurring";
  readonly cardFunding: "credit" | "debit" | "prepaid";
  readonly cardBrand: "visa";
  /** The payer's account at the shop. */
  readonly accountId: string | null;
  readonly accountAgeDays: number | null;
  readonly emailAgeDays: number | null;
  /** E.164, with a country code that nobody has. */
  readonly phone: string | null;
  readonly deviceFingerprint: string | null;
  readonly billingCountry: string | null;
  readonly billingPostalCode: string | null;
  readonly shippingCountry: string | null;
  readonly shippingPostalCode: string | null;
  readonly threeDsVersion: string | null;
  readonly threeDsResult: "authenticated" | "attempted" | "failed" | "unavailable" | null;
  readonly eci: "05" | "06" | "07" | null;
  readonly liabilityShift: boolean | null;
  readonly exemption: "low_value" | "low_risk" | null;
  readonly avsResult: "full_match" | "address_match" | "postal_code_match" | "no_match" | "unavailable" | null;
  readonly cvcResult: "match" | "no_match" | "unavailable" | null;
}
