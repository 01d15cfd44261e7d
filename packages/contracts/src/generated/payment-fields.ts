// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import { isCountry } from "../country.js";
import type { PersonalFields, Transaction } from "./tripline/events/v1/events.js";

/** The values of optional texts that were not sent. Optional numbers are absent instead. */
export const UNSENT: Readonly<Pick<Transaction, "deviceToken" | "ipToken" | "bin" | "emailToken" | "networkToken" | "cardCountry" | "merchantCountry" | "ipCountry">> = {
  deviceToken: "",
  ipToken: "",
  bin: "",
  emailToken: "",
  networkToken: "",
  cardCountry: "",
  merchantCountry: "",
  ipCountry: "",
};

/** Sealed fields: their names in requests and responses, and in the message. */
export const PERSONAL_FIELDS = {
  device_id: "deviceId",
  ip_address: "ipAddress",
  email: "email",
  cardholder: "cardholder",
} as const;

/** Sealed fields of a payment without personal data. */
export const UNSENT_PERSONAL: Readonly<PersonalFields> = {
  deviceId: "",
  ipAddress: "",
  email: "",
  cardholder: "",
};

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
} as const satisfies Readonly<Record<keyof Transaction, string>>;

/** Fields that rules can use, with their descriptions. */
export const RULE_FIELDS = [
  ["tenant", "The tenant of the access token."],
  ["terminal_id", "Your own id of the terminal or shop at which the card was presented."],
  ["amount_minor", "In minor units of the currency: 1299 is 12.99 EUR, and 1299 JPY."],
  ["currency", "ISO 4217 code."],
  ["bin", "The first 8 digits of a card number of 16 digits or more, the first 6 of a shorter one."],
  ["card_country", "Country of the card's issuer, ISO 3166-1 alpha-2."],
  ["merchant_country", "Country of the merchant, ISO 3166-1 alpha-2."],
  ["ip_country", "Country of the network address, ISO 3166-1 alpha-2."],
] as const;

/** Event fields that can identify an entity, with their names in the message. */
export const ENTITY_KEYS = {
  card_token: "cardToken",
  terminal_id: "terminalId",
  device_token: "deviceToken",
  ip_token: "ipToken",
  bin: "bin",
  email_token: "emailToken",
  merchant_country: "merchantCountry",
} as const;

/** Entity keys that every payment and label has. */
export const REQUIRED_ENTITY_KEYS = [
  "card_token",
  "terminal_id",
] as const;

/** Tokens that stand for a person. An entity whose key has one of them belongs to that person. */
export const SUBJECT_KEYS = [
  "card_token",
  "email_token",
] as const;

/** Patterns of optional texts that identify an entity. An empty text is valid as well. */
export const ENTITY_KEY_PATTERNS = [
  ["deviceToken", "device_token", /^dt_[0-9a-f]{32}$/],
  ["ipToken", "ip_token", /^it_[0-9a-f]{32}$/],
  ["bin", "bin", /^\d{6}(?:\d{2})?$/],
  ["emailToken", "email_token", /^et_[0-9a-f]{32}$/],
] as const;

/** Token prefixes by kind. */
export const TOKEN_PREFIXES = {
  card: "ct",
  device: "dt",
  ip: "it",
  email: "et",
  network: "nt",
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

/** For each kind, a check of an entry's value and a description of valid values. */
export const LIST_VALUES: Readonly<Record<(typeof LIST_KINDS)[number], readonly [isValid: (text: string) => boolean, what: string]>> = {
  card: [(text) => /^ct_[0-9a-f]{32}$/.test(text), "a card token: ct_ and 32 hexadecimal digits"],
  bin: [(text) => /^\d{6}(?:\d{2})?$/.test(text), "the first 6 or 8 digits of card numbers"],
  device: [(text) => /^dt_[0-9a-f]{32}$/.test(text), "a device token: dt_ and 32 hexadecimal digits"],
  email: [(text) => /^et_[0-9a-f]{32}$/.test(text), "the token of an e-mail address: et_ and 32 hexadecimal digits"],
  ip: [(text) => /^it_[0-9a-f]{32}$/.test(text), "the token of an IP address: it_ and 32 hexadecimal digits"],
  ip_range: [(text) => /^nt_[0-9a-f]{32}$/.test(text), "the token of an IP range: nt_ and 32 hexadecimal digits"],
  terminal: [(text) => /^[A-Za-z0-9._:-]{1,64}$/.test(text), "a terminal id: 1 to 64 characters out of letters, digits and . _ : -"],
  country: [isCountry, "an ISO 3166-1 alpha-2 code in capitals, such as BE"],
};

/** Kinds whose entries each affect many payments. */
export const BROAD_KINDS = [
  "bin",
  "country",
  "ip_range",
] as const satisfies readonly (typeof LIST_KINDS)[number][];
