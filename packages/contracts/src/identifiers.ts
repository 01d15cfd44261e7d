import { hash } from "node:crypto";
import { isIP, SocketAddress } from "node:net";
import { domainToASCII } from "node:url";
import type { SUBJECT_KEYS } from "./generated/payment-fields.js";
import { SUBJECT_PREFIXES, TOKEN_PREFIXES } from "./generated/payment-fields.js";

/** Shape of a card token: `ct_` and 32 hexadecimal digits. */
export const CARD_TOKEN_PATTERN = /^ct_[0-9a-f]{32}$/;

const TOKEN_PATTERN = /^[a-z]{2}_[0-9a-f]{32}$/;

/** The field of a token that identifies a person, such as a card or account token; undefined for other texts. */
export function subjectField(text: string): (typeof SUBJECT_KEYS)[number] | undefined {
  const fields: Readonly<Record<string, (typeof SUBJECT_KEYS)[number]>> = SUBJECT_PREFIXES;
  return TOKEN_PATTERN.test(text) ? fields[text.slice(0, 2)] : undefined;
}

/** Whether a text is a token by which a person's data can be erased. */
export function isSubject(text: string): boolean {
  return subjectField(text) !== undefined;
}

/** Shape of a bank identification number: the first 6 or 8 digits of a card number (ISO/IEC 7812-1). */
export const BIN_PATTERN = /^\d{6}(?:\d{2})?$/;

/** Shape of an id that the client chooses for a terminal or a payment. */
export const IDENTIFIER_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;

/** Shape of Tripline's id for a payment and its decision: `txn_` and 32 hexadecimal digits. */
export const TRANSACTION_ID_PATTERN = /^txn_[0-9a-f]{32}$/;

const TOKEN_DIGITS = 32;

/** All kinds of tokens except card tokens. */
export type TokenKind = Exclude<keyof typeof TOKEN_PREFIXES, "card">;

/**
 * The token that replaces a card number everywhere behind the ingestion API: HMAC-SHA-256 with a secret key, truncated
 * to 128 bits. The tenant is part of the input, so that tokens of the same card at two tenants cannot be linked.
 */
export function cardToken(key: Uint8Array, tenant: string, cardNumber: string): string {
  return `ct_${keyedDigits(key, `${tenant}\0${cardNumber}`)}`;
}

/**
 * Like `cardToken`, for other texts: the client's id of the paying device, an address normalised by `normalAddress` or
 * `normalEmail`, or a network from `networkOf`. The input starts with the kind, and contains two NULs, whereas a
 * card's input contains one. Tokens of different kinds therefore never have the same digits for the same text.
 *
 * @param tenant without NUL, as in every valid access token
 */
export function keyedToken(kind: TokenKind, key: Uint8Array, tenant: string, text: string): string {
  return `${TOKEN_PREFIXES[kind]}_${keyedDigits(key, `${kind}\0${tenant}\0${text}`)}`;
}

/** Recognises the same attributes in a retry, without storing their values. @param json with sorted names */
export function attributesDigest(key: Uint8Array, tenant: string, json: string): string {
  return keyedDigits(key, `attributes\0${tenant}\0${json}`);
}

const BIN_DIGITS = 8;
const SHORT_BIN_DIGITS = 6;
/** For numbers of this length, PCI DSS allows 8 visible digits in addition to the last 4; for shorter numbers, 6. */
const LONG_NUMBER_DIGITS = 16;

/** The issuer and product of a card: the only digits of its number that are stored in the clear. */
export function binOf(cardNumber: string): string {
  return cardNumber.slice(0, cardNumber.length < LONG_NUMBER_DIGITS ? SHORT_BIN_DIGITS : BIN_DIGITS);
}

/**
 * The network of a normalised address: the first 24 bits of IPv4, which most providers assign as a whole, or the first
 * 48 bits of IPv6, the prefix of one site (RFC 6177).
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address.slice(0, address.lastIndexOf("."));
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  // A gap within the first three groups represents the missing zeros.
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  while (groups.length + rest.length < 8) groups.push("0");
  return [...groups, ...rest].slice(0, 3).join(":");
}

/** Mail providers that ignore dots in mailbox names. */
const DOTLESS_DOMAINS: ReadonlySet<string> = new Set(["gmail.com", "googlemail.com"]);
const EMAIL_CHARACTERS_MAX = 254;
/** Includes separators between the digits. */
const PHONE_CHARACTERS_MAX = 40;
const POSTAL_CHARACTERS_MAX = 16;
/** Nearly every address already has this form. Labels with `xn--` are excluded, because RFC 5891 may forbid them. */
const ONE_SPELLING = /^[a-z0-9._-]{1,64}@(?!g(?:oogle)?mail\.com$)(?:(?!xn--)[a-z0-9-]+\.)+[a-z]+$/;

/**
 * The canonical form of an e-mail address, so that each mailbox counts as one payer: in lower case, without a `+`
 * suffix (RFC 5233), with the domain in ASCII (RFC 5891), and without dots if the provider ignores them. Undefined for
 * an invalid address, a quoted mailbox, or a domain with only one label.
 */
export function normalEmail(text: string): string | undefined {
  if (text.length > EMAIL_CHARACTERS_MAX) return undefined;
  if (ONE_SPELLING.test(text)) return text;
  const [, mailbox = "", domain = ""] = /^([^\s@"\p{Cc}\p{Cs}]{1,64})@([^\s@]+)$/u.exec(text) ?? [];
  const ascii = domainToASCII(domain);
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(ascii)) return undefined;
  const [name = ""] = mailbox.normalize("NFC").toLowerCase().split("+");
  const plain = DOTLESS_DOMAINS.has(ascii) ? name.replaceAll(".", "") : name;
  return plain === "" ? undefined : `${plain}@${ascii}`;
}

/**
 * The canonical form of an IPv4 or IPv6 address: IPv6 as in RFC 5952, and IPv4 mapped into IPv6 (RFC 4291 section
 * 2.5.5.2) as IPv4. Undefined for anything else, and for an address with a zone, which is valid only on one machine.
 */
export function normalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  if (version === 0 || text.includes("%")) return undefined;
  const { address } = new SocketAddress({ address: text, family: "ipv6" });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}

/**
 * A telephone number in E.164: a plus sign and 7 to 15 digits. Spaces, hyphens, dots, slashes and parentheses are
 * ignored; `(0)`, the trunk prefix that is not dialled from abroad, is removed.
 */
export function normalPhone(text: string): string | undefined {
  const compact = text.length > PHONE_CHARACTERS_MAX ? "" : text.replaceAll("(0)", "").replaceAll(/[ ()./-]/g, "");
  return /^\+[1-9]\d{6,14}$/.test(compact) ? compact : undefined;
}

/** A postal code in upper case, without spaces and hyphens. */
export function normalPostalCode(text: string): string | undefined {
  const compact = text.length > POSTAL_CHARACTERS_MAX ? "" : text.replaceAll(/[ -]/g, "").toUpperCase();
  return /^[A-Z0-9]{2,10}$/.test(compact) ? compact : undefined;
}

/** Deterministic, so that a retry finds the results of the first attempt, even if another instance handles it. */
export function transactionId(tenant: string, clientTransactionId: string): string {
  return `txn_${digest128(`transaction\0${tenant}\0${clientTransactionId}`)}`;
}

/** One label per payment: the same payment always gives the same label id. */
export function labelId(tenant: string, clientTransactionId: string): string {
  return `lbl_${digest128(`label\0${tenant}\0${clientTransactionId}`)}`;
}

/**
 * `clientUpdateId` needs to be unique only within a payment.
 *
 * @param clientUpdateId empty for Tripline's own decline, of which a payment has at most one. Clients cannot send an
 *   empty id.
 */
export function paymentUpdateId(tenant: string, clientTransactionId: string, clientUpdateId: string): string {
  return `upd_${digest128(`update\0${tenant}\0${clientTransactionId}\0${clientUpdateId}`)}`;
}

/**
 * The ID of one version of a fraud report.
 *
 * @param clientReportId unique within the tenant
 */
export function fraudReportId(tenant: string, clientReportId: string, version: number): string {
  return `rpt_${digest128(`report\0${tenant}\0${clientReportId}\0${version}`)}`;
}

/** The ID of a label derived from fraud reports. @param reportId the report version that determined the verdict */
export function derivedLabelId(tenant: string, clientTransactionId: string, reportId: string): string {
  return `lbl_${digest128(`label\0${tenant}\0${clientTransactionId}\0${reportId}`)}`;
}

function digest128(text: string): string {
  return hash("sha256", text, "hex").slice(0, TOKEN_DIGITS);
}

function keyedDigits(key: Uint8Array, text: string): string {
  return hmacSha256(key, text).slice(0, TOKEN_DIGITS);
}

const SHA256_BLOCK_BYTES = 64;
const SHA256_BYTES = 32;
const UTF8_BYTES_PER_UNIT = 3;
/** Large enough for the input of any token of a payment. */
const MESSAGE_BYTES = 1_024;

/**
 * Inputs of HMAC's two hashes: the key's block, then the message or the first hash. Each call overwrites the second
 * part.
 */
interface HmacInput {
  inner: Buffer;
  readonly outer: Buffer;
}

const inputs = new WeakMap<Uint8Array, HmacInput>();

function inputOf(key: Uint8Array): HmacInput {
  const known = inputs.get(key);
  if (known !== undefined) return known;
  const block = key.length > SHA256_BLOCK_BYTES ? hash("sha256", key, "buffer") : key;
  const inner = Buffer.alloc(SHA256_BLOCK_BYTES + MESSAGE_BYTES);
  const outer = Buffer.alloc(SHA256_BLOCK_BYTES + SHA256_BYTES);
  for (let index = 0; index < SHA256_BLOCK_BYTES; index += 1) {
    const byte = block[index] ?? 0;
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  const made = { inner, outer };
  inputs.set(key, made);
  return made;
}

/**
 * HMAC-SHA-256 (RFC 2104) of a text, in hexadecimal, computed with two calls to Node's one-shot hash. `createHmac`
 * creates an object for every call, which costs twice as much, and a payment needs up to five tokens.
 *
 * @param key must not be modified afterwards
 */
export function hmacSha256(key: Uint8Array, text: string): string {
  const input = inputOf(key);
  const bytesMax = SHA256_BLOCK_BYTES + text.length * UTF8_BYTES_PER_UNIT;
  if (bytesMax > input.inner.length) input.inner = Buffer.concat([input.inner], bytesMax);
  const end = SHA256_BLOCK_BYTES + input.inner.write(text, SHA256_BLOCK_BYTES);
  input.outer.write(hash("sha256", input.inner.subarray(0, end), "binary"), SHA256_BLOCK_BYTES, "binary");
  return hash("sha256", input.outer, "hex");
}

/** Luhn check (ISO/IEC 7812-1 annex B) of a card number of 12 to 19 digits. */
export function isCardNumber(text: string): boolean {
  if (!/^\d{12,19}$/.test(text)) return false;
  return luhnSum(text) % 10 === 0;
}

/** `digits` with the Luhn check digit appended. */
export function withLuhnDigit(digits: string): string {
  return digits + String((10 - (luhnSum(`${digits}0`) % 10)) % 10);
}

function luhnSum(digits: string): number {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    if (index % 2 === 0) sum += digit;
    else sum += digit < 5 ? digit * 2 : digit * 2 - 9;
  }
  return sum;
}
