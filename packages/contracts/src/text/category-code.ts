import { CATEGORY_FIELDS } from "../generated/payment-fields.js";

/*
 * The number that represents a text in feature vectors. It depends only on the text, so every model can read every
 * vector; each model has its own vocabulary of these numbers. Each number can be represented exactly as a float32.
 */

/** A payment field that can be a category in a model. */
export type CategoryField = keyof typeof CATEGORY_FIELDS;

/** The code of a payment without a value. No text has this code. */
export const NO_CATEGORY = 0;
/** All codes are below this number: the integers that a float32 can represent without gaps. */
const CODES_END = 2 ** 24;

/** Digits and capitals count as 1 to 36, so that a missing character is smaller than any other. */
const SHORT_DIGITS = 4;
const SHORT_BASE = 37;
const SHORT_TEXT = /^[0-9A-Z]{1,4}$/;
/** The first code of all other strings. */
const LONG_BEGIN = SHORT_BASE ** SHORT_DIGITS;

/**
 * Strings of up to four digits and capitals, such as merchant category codes, countries and currencies, have their own
 * codes, in alphabetical order. Other strings are hashed: two of them have the same code with a probability of 1 in 15
 * million.
 */
export function categoryCode(text: string): number {
  if (text === "") return NO_CATEGORY;
  if (!SHORT_TEXT.test(text)) return LONG_BEGIN + (hashText(text) % (CODES_END - LONG_BEGIN));
  let code = 0;
  for (let at = 0; at < SHORT_DIGITS; at += 1) code = code * SHORT_BASE + digitOf(text.charCodeAt(at));
  return code;
}

/** The text of a code, if it can be determined: a short text, or a value of the field's enumeration. */
export function categoryText(field: CategoryField, code: number): string | undefined {
  if (code < LONG_BEGIN) {
    const text = shortText(code);
    return text !== "" && categoryCode(text) === code ? text : undefined;
  }
  const known: { readonly type: string; readonly values?: readonly string[] } = CATEGORY_FIELDS[field];
  return known.values?.find((value) => categoryCode(value) === code);
}

export function isCategoryField(name: string): name is CategoryField {
  return Object.hasOwn(CATEGORY_FIELDS, name);
}

/** @param character UTF-16 code of a digit or capital; NaN after the end of the text */
function digitOf(character: number): number {
  if (Number.isNaN(character)) return 0;
  return character <= 57 ? character - 47 : character - 54;
}

function shortText(code: number): string {
  const digits: number[] = [];
  for (let rest = code, at = 0; at < SHORT_DIGITS; at += 1) {
    digits.unshift(rest % SHORT_BASE);
    rest = Math.floor(rest / SHORT_BASE);
  }
  return digits.map((digit) => (digit === 0 ? "" : String.fromCharCode(digit + (digit <= 10 ? 47 : 54)))).join("");
}

/** FNV-1a, 32 bits, over UTF-8 (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // For ASCII characters, code units equal UTF-8 bytes. Other texts must be encoded, which takes ten times as long as
    // the hash.
    if (unit > 127) return hashBytes(new TextEncoder().encode(text));
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return hash >>> 0;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
