// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import type { PersonalFields, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TokenKind } from "@tripline/contracts/identifiers";
import { networkOf } from "@tripline/contracts/identifiers";
import type { z } from "zod";
import * as kinds from "../requests/field-kinds.js";

/** Request fields from payment.yaml that have a group in the fingerprint, except the core fields. */
export const firstFields = {
  terminal_id: kinds.identifier("Your own id of the terminal or shop at which the card was presented.").optional(),
  device_id: kinds.replacedText("Your own id of the device that pays.").optional(),
  ip_address: kinds.ipAddress("The network address the payment comes from.").optional(),
  email: kinds.email("The payer's e-mail address.").optional(),
  cardholder: kinds.sealedText("The name on the card.").optional(),
  card_country: kinds.country("Country of the card's issuer, ISO 3166-1 alpha-2.").optional(),
  merchant_country: kinds.country("Country of the merchant, ISO 3166-1 alpha-2.").optional(),
  ip_country: kinds.country("Country of the network address, ISO 3166-1 alpha-2.").optional(),
  location: kinds.coordinates("Where the payment takes place, in degrees (WGS 84).").optional(),
};

/** The other request fields. A schema takes time for every field, sent or not, so payments without these have their own. */
export const laterFields = {
  merchant_id: kinds.identifier("Your own id of the merchant that is paid.").optional(),
  mcc: kinds.mcc("Merchant category code, ISO 18245.").optional(),
  channel: kinds.choice(["ecommerce", "in_app", "point_of_sale", "moto", "atm"], "Where the order was placed; moto is mail order and telephone order.").optional(),
  entry_mode: kinds.choice(["chip", "contactless", "magnetic_stripe", "keyed", "on_file", "wallet"], "How the card's data were entered; on_file means stored card data.").optional(),
  initiator: kinds.choice(["customer", "merchant", "recurring"], "Who started the payment. The payer does not take part in a merchant or recurring payment.").optional(),
  is_test: kinds.boolean("Whether this is a test. Tripline decides tests like other payments; rules and features can exclude them.").optional(),
  card_funding: kinds.choice(["credit", "debit", "prepaid", "charge"], "How the card is funded.").optional(),
  card_brand: kinds.choice(["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "other"], "The card's scheme.").optional(),
  account_id: kinds.replacedText("Your own id of the payer's account.").optional(),
  account_age_days: kinds.count([0, 100000], "Days since the payer's account was opened.").optional(),
  email_age_days: kinds.count([0, 100000], "Days since the e-mail address was first seen, by you or by a data provider.").optional(),
  phone: kinds.phone("The payer's telephone number in international form (E.164).").optional(),
  device_fingerprint: kinds.replacedText("A fingerprint of the device, from a script or a data provider.").optional(),
  billing_country: kinds.country("Country of the billing address, ISO 3166-1 alpha-2.").optional(),
  billing_postal_code: kinds.postalCode("Postal code of the billing address. Spaces and hyphens do not count.").optional(),
  shipping_country: kinds.country("Country of the delivery address, ISO 3166-1 alpha-2.").optional(),
  shipping_postal_code: kinds.postalCode("Postal code of the delivery address. The same code has the same token in both addresses.").optional(),
  three_ds_version: kinds.version("Version of the 3-D Secure protocol.").optional(),
  three_ds_result: kinds.choice(["authenticated", "attempted", "failed", "unavailable", "rejected", "informational"], "Result of 3-D Secure authentication: transaction statuses Y, A, N, U, R and I of EMV 3-D Secure.").optional(),
  eci: kinds.eci("Electronic commerce indicator, two digits.").optional(),
  liability_shift: kinds.boolean("Whether the issuer is liable for fraud.").optional(),
  exemption: kinds.choice(["low_value", "low_risk", "trusted_merchant", "secure_corporate", "delegated"], "The exemption from strong customer authentication that was requested.").optional(),
  avs_result: kinds.choice(["full_match", "address_match", "postal_code_match", "no_match", "unavailable"], "Result of the address verification: which parts match the issuer's records.").optional(),
  cvc_result: kinds.choice(["match", "no_match", "unavailable"], "Result of the check of the card's security code.").optional(),
  authorisation_code: kinds.identifier("The issuer's code for the authorisation, if there is one already.").optional(),
  acquirer_reference: kinds.identifier("Acquirer reference number (ARN), if there is one already.").optional(),
  attributes: kinds.attributes("Up to 32 values of your own, by name: texts of at most 256 characters, numbers and booleans, together at most 4,096 bytes of JSON. A name has at most 64 characters.").optional(),
};

export const declaredFields = { ...firstFields, ...laterFields };

export type DeclaredBody = { [K in keyof typeof declaredFields]?: z.infer<(typeof declaredFields)[K]> | undefined };

/** Example values for these fields. */
export const declaredExamples = {
  terminal_id: "t-42",
  device_id: "8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10",
  ip_address: "203.0.113.7",
  email: "ada@example.com",
  cardholder: "Ada Lovelace",
  card_country: "BE",
  merchant_country: "BE",
  ip_country: "BE",
  location: {"latitude":50.84673,"longitude":4.35247},
  merchant_id: "m-1024",
  mcc: "5732",
  channel: "ecommerce",
  entry_mode: "keyed",
  initiator: "customer",
  is_test: false,
  card_funding: "debit",
  card_brand: "visa",
  account_id: "user-7301",
  account_age_days: 412,
  email_age_days: 1280,
  phone: "+32470123456",
  device_fingerprint: "fp-9c1185a5c5e9fc54",
  billing_country: "BE",
  billing_postal_code: "1000",
  shipping_country: "BE",
  shipping_postal_code: "9000",
  three_ds_version: "2.2.0",
  three_ds_result: "authenticated",
  eci: "05",
  liability_shift: true,
  exemption: "low_value",
  avs_result: "full_match",
  cvc_result: "match",
  authorisation_code: "A1B2C3",
  acquirer_reference: "24692164001000123456789",
  attributes: {"loyalty_tier":"gold","basket_items":3,"is_gift":false},
} as const;

/** The fields that product code sets by name. */
type CoreValues = Pick<Transaction, "transactionId" | "tenant" | "clientTransactionId" | "cardToken" | "amountMinor" | "currency" | "occurredAtMs" | "acceptedAtMs" | "bin" | "hasAttributes">;

/** Builds the message. Tokens replace personal texts, texts that were not sent are empty, and nothing is sealed yet. */
export function paymentMessage(core: CoreValues, body: z.infer<z.ZodObject<typeof declaredFields>>, tokenOf: (kind: TokenKind, text: string) => string): Transaction {
  return {
    transactionId: core.transactionId,
    tenant: core.tenant,
    clientTransactionId: core.clientTransactionId,
    cardToken: core.cardToken,
    amountMinor: core.amountMinor,
    currency: core.currency,
    occurredAtMs: core.occurredAtMs,
    acceptedAtMs: core.acceptedAtMs,
    bin: core.bin,
    hasAttributes: core.hasAttributes,
    terminalId: body.terminal_id ?? "",
    deviceToken: body.device_id === undefined ? "" : tokenOf("device", body.device_id),
    ipToken: body.ip_address === undefined ? "" : tokenOf("ip", body.ip_address),
    latitude: body.location?.latitude,
    longitude: body.location?.longitude,
    emailToken: body.email === undefined ? "" : tokenOf("email", body.email),
    networkToken: body.ip_address === undefined ? "" : tokenOf("network", networkOf(body.ip_address)),
    cardCountry: body.card_country ?? "",
    merchantCountry: body.merchant_country ?? "",
    ipCountry: body.ip_country ?? "",
    merchantId: body.merchant_id ?? "",
    mcc: body.mcc ?? "",
    channel: body.channel ?? "",
    entryMode: body.entry_mode ?? "",
    initiator: body.initiator ?? "",
    isTest: body.is_test,
    cardFunding: body.card_funding ?? "",
    cardBrand: body.card_brand ?? "",
    accountToken: body.account_id === undefined ? "" : tokenOf("account", body.account_id),
    accountAgeDays: body.account_age_days,
    emailAgeDays: body.email_age_days,
    phoneToken: body.phone === undefined ? "" : tokenOf("phone", body.phone),
    deviceFingerprintToken: body.device_fingerprint === undefined ? "" : tokenOf("fingerprint", body.device_fingerprint),
    billingCountry: body.billing_country ?? "",
    billingPostalToken: body.billing_postal_code === undefined ? "" : tokenOf("postal_code", body.billing_postal_code),
    shippingCountry: body.shipping_country ?? "",
    shippingPostalToken: body.shipping_postal_code === undefined ? "" : tokenOf("postal_code", body.shipping_postal_code),
    threeDsVersion: body.three_ds_version ?? "",
    threeDsResult: body.three_ds_result ?? "",
    eci: body.eci ?? "",
    liabilityShift: body.liability_shift,
    exemption: body.exemption ?? "",
    avsResult: body.avs_result ?? "",
    cvcResult: body.cvc_result ?? "",
    authorisationCode: body.authorisation_code ?? "",
    acquirerReference: body.acquirer_reference ?? "",
    personal: undefined,
  };
}

/**
 * The values that identify a retry. An empty group is omitted if all later groups are empty, and newer fields are
 * included by name if they were sent. Adding a field therefore does not change the fingerprint of payments without it.
 */
export function requestContent(payment: Transaction): unknown[] {
  const content: unknown[] = [
    payment.clientTransactionId,
    payment.cardToken,
    payment.terminalId,
    payment.amountMinor,
    payment.currency,
    payment.occurredAtMs,
  ];
  const sends1 = payment.deviceToken !== "" || payment.ipToken !== "" || payment.latitude !== undefined || payment.longitude !== undefined;
  const sends2 = payment.emailToken !== "" || payment.cardCountry !== "" || payment.merchantCountry !== "" || payment.ipCountry !== "";
  if (sends1 || sends2) content.push(payment.deviceToken, payment.ipToken, payment.latitude ?? null, payment.longitude ?? null);
  if (sends2) content.push(payment.emailToken, payment.cardCountry, payment.merchantCountry, payment.ipCountry);
  if (payment.merchantId !== "") content.push(["merchant_id", payment.merchantId]);
  if (payment.mcc !== "") content.push(["mcc", payment.mcc]);
  if (payment.channel !== "") content.push(["channel", payment.channel]);
  if (payment.entryMode !== "") content.push(["entry_mode", payment.entryMode]);
  if (payment.initiator !== "") content.push(["initiator", payment.initiator]);
  if (payment.isTest !== undefined) content.push(["is_test", payment.isTest]);
  if (payment.cardFunding !== "") content.push(["card_funding", payment.cardFunding]);
  if (payment.cardBrand !== "") content.push(["card_brand", payment.cardBrand]);
  if (payment.accountToken !== "") content.push(["account_token", payment.accountToken]);
  if (payment.accountAgeDays !== undefined) content.push(["account_age_days", payment.accountAgeDays]);
  if (payment.emailAgeDays !== undefined) content.push(["email_age_days", payment.emailAgeDays]);
  if (payment.phoneToken !== "") content.push(["phone_token", payment.phoneToken]);
  if (payment.deviceFingerprintToken !== "") content.push(["device_fingerprint_token", payment.deviceFingerprintToken]);
  if (payment.billingCountry !== "") content.push(["billing_country", payment.billingCountry]);
  if (payment.billingPostalToken !== "") content.push(["billing_postal_token", payment.billingPostalToken]);
  if (payment.shippingCountry !== "") content.push(["shipping_country", payment.shippingCountry]);
  if (payment.shippingPostalToken !== "") content.push(["shipping_postal_token", payment.shippingPostalToken]);
  if (payment.threeDsVersion !== "") content.push(["three_ds_version", payment.threeDsVersion]);
  if (payment.threeDsResult !== "") content.push(["three_ds_result", payment.threeDsResult]);
  if (payment.eci !== "") content.push(["eci", payment.eci]);
  if (payment.liabilityShift !== undefined) content.push(["liability_shift", payment.liabilityShift]);
  if (payment.exemption !== "") content.push(["exemption", payment.exemption]);
  if (payment.avsResult !== "") content.push(["avs_result", payment.avsResult]);
  if (payment.cvcResult !== "") content.push(["cvc_result", payment.cvcResult]);
  if (payment.authorisationCode !== "") content.push(["authorisation_code", payment.authorisationCode]);
  if (payment.acquirerReference !== "") content.push(["acquirer_reference", payment.acquirerReference]);
  return content;
}

/** The fields to seal; undefined if none was sent. */
export function personalFields(body: DeclaredBody): PersonalFields | undefined {
  if ((body.device_id ?? body.ip_address ?? body.email ?? body.cardholder ?? body.account_id ?? body.phone ?? body.device_fingerprint ?? body.billing_postal_code ?? body.shipping_postal_code ?? body.attributes) === undefined) return undefined;
  return {
    deviceId: body.device_id ?? "",
    ipAddress: body.ip_address ?? "",
    email: body.email ?? "",
    cardholder: body.cardholder ?? "",
    accountId: body.account_id ?? "",
    phone: body.phone ?? "",
    deviceFingerprint: body.device_fingerprint ?? "",
    billingPostalCode: body.billing_postal_code ?? "",
    shippingPostalCode: body.shipping_postal_code ?? "",
    attributes: body.attributes ?? "",
  };
}

/** The payment's tokens that identify a person, except the card token and the e-mail token. */
export function otherSubjects(payment: Transaction): string[] {
  return [payment.accountToken].filter((token) => token !== "");
}
