// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import { isCountry } from "../country.js";
import type { PersonalFields, Transaction } from "./tripline/events/v1/events.js";

/** The values of optional texts that were not sent. Optional numbers are absent instead. */
export const UNSENT: Readonly<Pick<Transaction, "terminalId" | "deviceToken" | "ipToken" | "bin" | "emailToken" | "networkToken" | "cardCountry" | "merchantCountry" | "ipCountry" | "merchantId" | "mcc" | "channel" | "entryMode" | "initiator" | "cardFunding" | "cardBrand" | "accountToken" | "phoneToken" | "deviceFingerprintToken" | "billingCountry" | "billingPostalToken" | "shippingCountry" | "shippingPostalToken" | "threeDsVersion" | "threeDsResult" | "eci" | "exemption" | "avsResult" | "cvcResult" | "authorisationCode" | "acquirerReference">> = {
  terminalId: "",
  deviceToken: "",
  ipToken: "",
  bin: "",
  emailToken: "",
  networkToken: "",
  cardCountry: "",
  merchantCountry: "",
  ipCountry: "",
  merchantId: "",
  mcc: "",
  channel: "",
  entryMode: "",
  initiator: "",
  cardFunding: "",
  cardBrand: "",
  accountToken: "",
  phoneToken: "",
  deviceFingerprintToken: "",
  billingCountry: "",
  billingPostalToken: "",
  shippingCountry: "",
  shippingPostalToken: "",
  threeDsVersion: "",
  threeDsResult: "",
  eci: "",
  exemption: "",
  avsResult: "",
  cvcResult: "",
  authorisationCode: "",
  acquirerReference: "",
};

/** Sealed fields: their names in requests and responses, with their names in the message. */
export const PERSONAL_FIELDS = {
  device_id: "deviceId",
  ip_address: "ipAddress",
  email: "email",
  cardholder: "cardholder",
  account_id: "accountId",
  phone: "phone",
  device_fingerprint: "deviceFingerprint",
  billing_postal_code: "billingPostalCode",
  shipping_postal_code: "shippingPostalCode",
  attributes: "attributes",
} as const;

/** The sealed fields of a payment without personal data. */
export const UNSENT_PERSONAL: Readonly<PersonalFields> = {
  deviceId: "",
  ipAddress: "",
  email: "",
  cardholder: "",
  accountId: "",
  phone: "",
  deviceFingerprint: "",
  billingPostalCode: "",
  shippingPostalCode: "",
  attributes: "",
};

/** The titles of sealed fields in the console. */
export const PERSONAL_TITLES: Readonly<Record<keyof typeof PERSONAL_FIELDS, string>> = {
  device_id: "Device",
  ip_address: "IP address",
  email: "E-mail",
  cardholder: "Name",
  account_id: "Account",
  phone: "Phone",
  device_fingerprint: "Device fingerprint",
  billing_postal_code: "Billing postal code",
  shipping_postal_code: "Shipping postal code",
  attributes: "Attributes",
};

/** Fields whose values identify one thing, such as a terminal. The console can search for payments by them. */
export const SEARCHED_FIELDS = [
  { kind: "terminal", title: "Terminal", column: "terminal_id", key: "terminalId", isPersonal: false },
  { kind: "device", title: "Device", column: "device_token", key: "deviceToken", isPersonal: true },
  { kind: "ip", title: "IP address", column: "ip_token", key: "ipToken", isPersonal: true },
  { kind: "merchant", title: "Merchant", column: "merchant_id", key: "merchantId", isPersonal: false },
  { kind: "account", title: "Account", column: "account_token", key: "accountToken", isPersonal: true },
  { kind: "phone", title: "Phone", column: "phone_token", key: "phoneToken", isPersonal: true },
  { kind: "device_fingerprint", title: "Device fingerprint", column: "device_fingerprint_token", key: "deviceFingerprintToken", isPersonal: true },
  { kind: "billing_postal", title: "Billing postal code", column: "billing_postal_token", key: "billingPostalToken", isPersonal: true },
  { kind: "shipping_postal", title: "Shipping postal code", column: "shipping_postal_token", key: "shippingPostalToken", isPersonal: true },
] as const;

/** Fields that the console shows, with the names of their values in the message. */
export const CONSOLE_FIELDS = [
  { name: "terminal_id", title: "Terminal", keys: ["terminalId"], isPersonal: false },
  { name: "device_token", title: "Device", keys: ["deviceToken"], isPersonal: true },
  { name: "ip_token", title: "IP address", keys: ["ipToken"], isPersonal: true },
  { name: "card_country", title: "Card country", keys: ["cardCountry"], isPersonal: false },
  { name: "merchant_country", title: "Merchant country", keys: ["merchantCountry"], isPersonal: false },
  { name: "ip_country", title: "IP country", keys: ["ipCountry"], isPersonal: false },
  { name: "location", title: "Position", keys: ["latitude", "longitude"], isPersonal: false },
  { name: "merchant_id", title: "Merchant", keys: ["merchantId"], isPersonal: false },
  { name: "mcc", title: "Merchant category", keys: ["mcc"], isPersonal: false },
  { name: "channel", title: "Channel", keys: ["channel"], isPersonal: false },
  { name: "entry_mode", title: "Entry mode", keys: ["entryMode"], isPersonal: false },
  { name: "initiator", title: "Initiator", keys: ["initiator"], isPersonal: false },
  { name: "is_test", title: "Test", keys: ["isTest"], isPersonal: false },
  { name: "card_funding", title: "Funding", keys: ["cardFunding"], isPersonal: false },
  { name: "card_brand", title: "Brand", keys: ["cardBrand"], isPersonal: false },
  { name: "account_token", title: "Account", keys: ["accountToken"], isPersonal: true },
  { name: "account_age_days", title: "Account age, days", keys: ["accountAgeDays"], isPersonal: false },
  { name: "email_age_days", title: "E-mail age, days", keys: ["emailAgeDays"], isPersonal: false },
  { name: "phone_token", title: "Phone", keys: ["phoneToken"], isPersonal: true },
  { name: "device_fingerprint_token", title: "Device fingerprint", keys: ["deviceFingerprintToken"], isPersonal: true },
  { name: "billing_country", title: "Billing country", keys: ["billingCountry"], isPersonal: false },
  { name: "billing_postal_token", title: "Billing postal code", keys: ["billingPostalToken"], isPersonal: true },
  { name: "shipping_country", title: "Shipping country", keys: ["shippingCountry"], isPersonal: false },
  { name: "shipping_postal_token", title: "Shipping postal code", keys: ["shippingPostalToken"], isPersonal: true },
  { name: "three_ds_version", title: "3-D Secure version", keys: ["threeDsVersion"], isPersonal: false },
  { name: "three_ds_result", title: "3-D Secure result", keys: ["threeDsResult"], isPersonal: false },
  { name: "eci", title: "ECI", keys: ["eci"], isPersonal: false },
  { name: "liability_shift", title: "Liability shift", keys: ["liabilityShift"], isPersonal: false },
  { name: "exemption", title: "SCA exemption", keys: ["exemption"], isPersonal: false },
  { name: "avs_result", title: "AVS result", keys: ["avsResult"], isPersonal: false },
  { name: "cvc_result", title: "CVC result", keys: ["cvcResult"], isPersonal: false },
  { name: "authorisation_code", title: "Authorisation code", keys: ["authorisationCode"], isPersonal: false },
  { name: "acquirer_reference", title: "Acquirer reference", keys: ["acquirerReference"], isPersonal: false },
] as const;

/** The data class of each field. */
export const TRANSACTION_CLASSES = {
  transactionId: "behavioural",
  tenant: "none",
  clientTransactionId: "behavioural",
  cardToken: "card",
  terminalId: "behavioural",
  amountMinor: "behavioural",
  currency: "behavioural",
  occurredAtMs: "behavioural",
  acceptedAtMs: "behavioural",
  deviceToken: "personal",
  ipToken: "personal",
  latitude: "behavioural",
  longitude: "behavioural",
  bin: "card",
  emailToken: "personal",
  networkToken: "personal",
  cardCountry: "behavioural",
  merchantCountry: "behavioural",
  ipCountry: "behavioural",
  personal: "personal",
  merchantId: "behavioural",
  mcc: "behavioural",
  channel: "behavioural",
  entryMode: "behavioural",
  initiator: "behavioural",
  isTest: "none",
  cardFunding: "behavioural",
  cardBrand: "behavioural",
  accountToken: "personal",
  accountAgeDays: "behavioural",
  emailAgeDays: "behavioural",
  phoneToken: "personal",
  deviceFingerprintToken: "personal",
  billingCountry: "behavioural",
  billingPostalToken: "personal",
  shippingCountry: "behavioural",
  shippingPostalToken: "personal",
  threeDsVersion: "behavioural",
  threeDsResult: "behavioural",
  eci: "behavioural",
  liabilityShift: "behavioural",
  exemption: "behavioural",
  avsResult: "behavioural",
  cvcResult: "behavioural",
  authorisationCode: "behavioural",
  acquirerReference: "behavioural",
  hasAttributes: "behavioural",
} as const satisfies Readonly<Record<keyof Transaction, string>>;

/** Fields that rules can use, with their descriptions. */
export const RULE_FIELDS = [
  ["tenant", "The tenant of the access token."],
  ["terminal_id", "Your own id of the terminal or shop at which the card was presented."],
  ["amount_minor", "In minor units of the currency: 1299 means 12.99 EUR or 1299 JPY."],
  ["currency", "ISO 4217 code."],
  ["bin", "The first 8 digits of a card number of 16 digits or more, the first 6 of a shorter one."],
  ["card_country", "Country of the card's issuer, ISO 3166-1 alpha-2."],
  ["merchant_country", "Country of the merchant, ISO 3166-1 alpha-2."],
  ["ip_country", "Country of the network address, ISO 3166-1 alpha-2."],
  ["merchant_id", "Your own id of the merchant that is paid."],
  ["mcc", "Merchant category code, ISO 18245."],
  ["channel", "Where the order was placed; moto is mail order and telephone order."],
  ["entry_mode", "How the card's data were entered; on_file means stored card data."],
  ["initiator", "Who started the payment. The payer does not take part in a merchant or recurring payment."],
  ["is_test", "Whether this is a test. Tripline decides tests like other payments; rules and features can exclude them."],
  ["has_is_test", "Whether is_test was sent."],
  ["card_funding", "How the card is funded."],
  ["card_brand", "The card's scheme."],
  ["account_age_days", "Days since the payer's account was opened."],
  ["has_account_age_days", "Whether account_age_days was sent."],
  ["email_age_days", "Days since the e-mail address was first seen, by you or by a data provider."],
  ["has_email_age_days", "Whether email_age_days was sent."],
  ["billing_country", "Country of the billing address, ISO 3166-1 alpha-2."],
  ["billing_postal_token", "Postal code of the billing address. Spaces and hyphens do not count."],
  ["shipping_country", "Country of the delivery address, ISO 3166-1 alpha-2."],
  ["shipping_postal_token", "Postal code of the delivery address. The same code has the same token in both addresses."],
  ["three_ds_version", "Version of the 3-D Secure protocol."],
  ["three_ds_result", "Result of 3-D Secure authentication: transaction statuses Y, A, N, U, R and I of EMV 3-D Secure."],
  ["eci", "Electronic commerce indicator, two digits."],
  ["liability_shift", "Whether the issuer is liable for fraud."],
  ["has_liability_shift", "Whether liability_shift was sent."],
  ["exemption", "The exemption from strong customer authentication that was requested."],
  ["avs_result", "Result of the address verification: which parts match the issuer's records."],
  ["cvc_result", "Result of the check of the card's security code."],
] as const;

/** Event fields that can identify an entity, with their names in the message. */
export const ENTITY_KEYS = {
  card_token: "cardToken",
  terminal_id: "terminalId",
  device_token: "deviceToken",
  ip_token: "ipToken",
  bin: "bin",
  email_token: "emailToken",
  card_country: "cardCountry",
  merchant_country: "merchantCountry",
  merchant_id: "merchantId",
  mcc: "mcc",
  account_token: "accountToken",
  phone_token: "phoneToken",
  device_fingerprint_token: "deviceFingerprintToken",
  billing_country: "billingCountry",
  billing_postal_token: "billingPostalToken",
  shipping_country: "shippingCountry",
  shipping_postal_token: "shippingPostalToken",
} as const;

/** Entity keys that every payment and label has. */
export const REQUIRED_ENTITY_KEYS = [
  "card_token",
] as const;

/** Payment fields by which features can filter, with their names in the message. */
export const FILTER_FIELDS = {
  terminal_id: { key: "terminalId", type: "identifier" },
  currency: { key: "currency", type: "text" },
  bin: { key: "bin", type: "text" },
  card_country: { key: "cardCountry", type: "country" },
  merchant_country: { key: "merchantCountry", type: "country" },
  ip_country: { key: "ipCountry", type: "country" },
  merchant_id: { key: "merchantId", type: "identifier" },
  mcc: { key: "mcc", type: "text" },
  channel: { key: "channel", type: "enum", values: ["ecommerce", "in_app", "point_of_sale", "moto", "atm"] },
  entry_mode: { key: "entryMode", type: "enum", values: ["chip", "contactless", "magnetic_stripe", "keyed", "on_file", "wallet"] },
  initiator: { key: "initiator", type: "enum", values: ["customer", "merchant", "recurring"] },
  is_test: { key: "isTest", type: "boolean" },
  card_funding: { key: "cardFunding", type: "enum", values: ["credit", "debit", "prepaid", "charge"] },
  card_brand: { key: "cardBrand", type: "enum", values: ["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "other"] },
  account_age_days: { key: "accountAgeDays", type: "integer" },
  email_age_days: { key: "emailAgeDays", type: "integer" },
  billing_country: { key: "billingCountry", type: "country" },
  shipping_country: { key: "shippingCountry", type: "country" },
  three_ds_version: { key: "threeDsVersion", type: "text" },
  three_ds_result: { key: "threeDsResult", type: "enum", values: ["authenticated", "attempted", "failed", "unavailable", "rejected", "informational"] },
  eci: { key: "eci", type: "text" },
  liability_shift: { key: "liabilityShift", type: "boolean" },
  exemption: { key: "exemption", type: "enum", values: ["low_value", "low_risk", "trusted_merchant", "secure_corporate", "delegated"] },
  avs_result: { key: "avsResult", type: "enum", values: ["full_match", "address_match", "postal_code_match", "no_match", "unavailable"] },
  cvc_result: { key: "cvcResult", type: "enum", values: ["match", "no_match", "unavailable"] },
} as const;

/** Payment fields that can be categories in models, with their names in the message. */
export const CATEGORY_FIELDS = {
  currency: { key: "currency", type: "text" },
  card_country: { key: "cardCountry", type: "country" },
  merchant_country: { key: "merchantCountry", type: "country" },
  ip_country: { key: "ipCountry", type: "country" },
  mcc: { key: "mcc", type: "text" },
  channel: { key: "channel", type: "enum", values: ["ecommerce", "in_app", "point_of_sale", "moto", "atm"] },
  entry_mode: { key: "entryMode", type: "enum", values: ["chip", "contactless", "magnetic_stripe", "keyed", "on_file", "wallet"] },
  initiator: { key: "initiator", type: "enum", values: ["customer", "merchant", "recurring"] },
  card_funding: { key: "cardFunding", type: "enum", values: ["credit", "debit", "prepaid", "charge"] },
  card_brand: { key: "cardBrand", type: "enum", values: ["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "maestro", "other"] },
  billing_country: { key: "billingCountry", type: "country" },
  shipping_country: { key: "shippingCountry", type: "country" },
  three_ds_result: { key: "threeDsResult", type: "enum", values: ["authenticated", "attempted", "failed", "unavailable", "rejected", "informational"] },
  eci: { key: "eci", type: "text" },
  exemption: { key: "exemption", type: "enum", values: ["low_value", "low_risk", "trusted_merchant", "secure_corporate", "delegated"] },
  avs_result: { key: "avsResult", type: "enum", values: ["full_match", "address_match", "postal_code_match", "no_match", "unavailable"] },
  cvc_result: { key: "cvcResult", type: "enum", values: ["match", "no_match", "unavailable"] },
} as const;

/** Token fields that identify a person. An entity whose key includes one of them belongs to that person. */
export const SUBJECT_KEYS = [
  "card_token",
  "email_token",
  "account_token",
] as const;

/** These fields by the prefix of their tokens. */
export const SUBJECT_PREFIXES = {
  ct: "card_token",
  et: "email_token",
  at: "account_token",
} as const;

/** Patterns of optional texts that identify an entity. An empty text is valid as well. */
export const ENTITY_KEY_PATTERNS = [
  ["terminalId", "terminal_id", /^[A-Za-z0-9._:-]{1,64}$/],
  ["deviceToken", "device_token", /^dt_[0-9a-f]{32}$/],
  ["ipToken", "ip_token", /^it_[0-9a-f]{32}$/],
  ["bin", "bin", /^\d{6}(?:\d{2})?$/],
  ["emailToken", "email_token", /^et_[0-9a-f]{32}$/],
  ["merchantId", "merchant_id", /^[A-Za-z0-9._:-]{1,64}$/],
  ["mcc", "mcc", /^\d{4}$/],
  ["accountToken", "account_token", /^at_[0-9a-f]{32}$/],
  ["phoneToken", "phone_token", /^pt_[0-9a-f]{32}$/],
  ["deviceFingerprintToken", "device_fingerprint_token", /^ft_[0-9a-f]{32}$/],
  ["billingPostalToken", "billing_postal_token", /^zt_[0-9a-f]{32}$/],
  ["shippingPostalToken", "shipping_postal_token", /^zt_[0-9a-f]{32}$/],
] as const;

/** Token prefixes by kind. */
export const TOKEN_PREFIXES = {
  card: "ct",
  device: "dt",
  ip: "it",
  email: "et",
  network: "nt",
  account: "at",
  phone: "pt",
  fingerprint: "ft",
  postal_code: "zt",
} as const;

/** The kinds of list entries, in the order in which they are shown. */
export const LIST_KINDS = [
  "card",
  "bin",
  "device",
  "email",
  "ip",
  "ip_range",
  "terminal",
  "country",
] as const;

/** For each kind: whether an entry's value is valid, and a description of valid values. */
export const LIST_VALUES: Readonly<Record<(typeof LIST_KINDS)[number], readonly [isValid: (text: string) => boolean, what: string]>> = {
  card: [(text) => /^ct_[0-9a-f]{32}$/.test(text), "a card token: ct_ and 32 hexadecimal digits"],
  bin: [(text) => /^\d{6}(?:\d{2})?$/.test(text), "the first 6 or 8 digits of card numbers"],
  device: [(text) => /^dt_[0-9a-f]{32}$/.test(text), "a device token: dt_ and 32 hexadecimal digits"],
  email: [(text) => /^et_[0-9a-f]{32}$/.test(text), "the token of an e-mail address: et_ and 32 hexadecimal digits"],
  ip: [(text) => /^it_[0-9a-f]{32}$/.test(text), "the token of an IP address: it_ and 32 hexadecimal digits"],
  ip_range: [(text) => /^nt_[0-9a-f]{32}$/.test(text), "the token of an IP range: nt_ and 32 hexadecimal digits"],
  terminal: [(text) => /^[A-Za-z0-9._:-]{1,64}$/.test(text), "a terminal id: 1 to 64 letters, digits or any of . _ : -"],
  country: [isCountry, "an ISO 3166-1 alpha-2 code in capitals, such as BE"],
};

/** Kinds of which a single entry affects many payments. */
export const BROAD_KINDS = [
  "bin",
  "country",
  "ip_range",
] as const satisfies readonly (typeof LIST_KINDS)[number][];
