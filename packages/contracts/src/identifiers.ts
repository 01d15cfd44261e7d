import { createHmac, hash } from "node:crypto";

/** Shape of a card token: `ct_` and 32 hexadecimal digits. */
export const CARD_TOKEN_PATTERN = /^ct_[0-9a-f]{32}$/;

/** Shape of Tripline's id for a payment and its decision: `txn_` and 32 hexadecimal digits. */
export const TRANSACTION_ID_PATTERN = /^txn_[0-9a-f]{32}$/;

/**
 * The token that stands for a card number everywhere behind the front door: HMAC-SHA-256 under a secret key, cut to
 * 128 bits. The tenant is part of the input, so that the same card at two tenants cannot be linked.
 */
export function cardToken(key: Uint8Array, tenant: string, cardNumber: string): string {
  const digest = createHmac("sha256", key).update(`${tenant}\0${cardNumber}`).digest("hex");
  return `ct_${digest.slice(0, 32)}`;
}

/** Deterministic, so that a retry finds what its first try left behind, whichever instance it reaches. */
export function transactionId(tenant: string, clientTransactionId: string): string {
  return `txn_${digest128(`transaction\0${tenant}\0${clientTransactionId}`)}`;
}

/** One label per payment: the same payment always gives the same label id. */
export function labelId(tenant: string, clientTransactionId: string): string {
  return `lbl_${digest128(`label\0${tenant}\0${clientTransactionId}`)}`;
}

function digest128(text: string): string {
  return hash("sha256", text, "hex").slice(0, 32);
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
