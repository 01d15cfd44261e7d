// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import { isCountry } from "../country.js";
import type { PersonalFields, Transaction } from "./tripline/events/v1/events.js";

/** What the optional fields of a payment hold if they were not sent. Optional numbers are absent instead. */
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

/** What is sealed of a payment: names in requests and answers, and where they are in the message. */
export const PERSONAL_FIELDS = {
  device_id: "deviceId",
  ip_address: "ipAddress",
  email: "email",
  cardholder: "cardholder",
} as const;

/** A payment that says nothing about a person. */
export const UNSENT_PERSONAL: Readonly<PersonalFields> = {
  deviceId: "",
  ipAddress: "",
  email: "",
  cardholder: "",
};

/** What each field says about a person. */
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

/** Fields that rules can use, with what they are. */
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

/** Fields of an event that can name an entity, and where they are in the message. */
export const ENTITY_KEYS = {
  card_token: "cardToken",
  terminal_id: "terminalId",
  device_token: "deviceToken",
  ip_token: "ipToken",
  bin: "bin",
  email_token: "emailToken",
  merchant_country: "merchantCountry",
} as const;

/** Those that every payment and every label carries. */
export const REQUIRED_ENTITY_KEYS = [
  "card_token",
  "terminal_id",
] as const;

/** The tokens of people. An entity with one of them in its key is a person's own. */
export const SUBJECT_KEYS = [
  "card_token",
  "email_token",
] as const;

/** Optional texts that name an entity: empty, or of this shape. */
export const ENTITY_KEY_PATTERNS = [
  ["deviceToken", "device_token", /^dt_[0-9a-f]{32}$/],
  ["ipToken", "ip_token", /^it_[0-9a-f]{32}$/],
  ["bin", "bin", /^\d{6}(?:\d{2})?$/],
  ["emailToken", "email_token", /^et_[0-9a-f]{32}$/],
] as const;

/** Prefixes of the tokens by their kind. */
export const TOKEN_PREFIXES = {
  card: "ct",
  device: "dt",
  ip: "it",
  email: "et",
  network: "nt",
} as const;

/** What can be on a list, in the order in which its entries are named. */
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

/** The values that an entry of a kind can have, and what they are called. */
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

/** Kinds of which one entry concerns many payments. */
export const BROAD_KINDS = [
  "bin",
  "country",
  "ip_range",
] as const satisfies readonly (typeof LIST_KINDS)[number][];
