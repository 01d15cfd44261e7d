import { isCardNumber } from "./identifiers.js";

/** Number of digits in a card number (ISO/IEC 7812-1). */
const DIGITS_MIN = 12;
const DIGITS_MAX = 19;

/** The first four digits (from, to) and the number of digits (from, to), all inclusive. */
type Issue = readonly [prefixMin: number, prefixMax: number, digitsMin: number, digitsMax: number];

/**
 * Ranges that the brands issue, based on https://en.wikipedia.org/wiki/Payment_card_number as of 2026. Each additional
 * row would reject more ids that only look like card numbers, so some ranges are omitted, such as parts of Maestro's
 * range 6.
 */
const ISSUES: readonly Issue[] = [
  [4000, 4999, 16, 16], // Visa
  [4000, 4999, 13, 13],
  [4000, 4999, 18, 19],
  [5100, 5599, 16, 16], // Mastercard
  [2221, 2720, 16, 16],
  [3400, 3499, 15, 15], // American Express
  [3700, 3799, 15, 15],
  [3000, 3059, 14, 14], // Diners Club
  [3095, 3095, 14, 14],
  [3600, 3699, 14, 14],
  [3800, 3999, 14, 14],
  [3000, 3059, 16, 16],
  [3600, 3699, 16, 16],
  [3800, 3999, 16, 16],
  [3528, 3589, 16, 19], // JCB
  [6011, 6011, 16, 19], // Discover
  [6440, 6599, 16, 19],
  [6200, 6299, 16, 19], // UnionPay
  [8100, 8199, 16, 19],
  [5000, 5099, 16, 19], // Maestro, Elo, Verve, RuPay
  [5600, 5899, 16, 19], // Maestro
  [6300, 6399, 16, 19], // Maestro, Elo, Hiper
  [6700, 6799, 16, 19],
  [5018, 5018, 12, 15],
  [5020, 5020, 12, 15],
  [5038, 5038, 12, 15],
  [5893, 5893, 12, 15],
  [6304, 6304, 12, 15],
  [6759, 6763, 12, 15],
  [6060, 6089, 16, 16], // RuPay, Hipercard
  [8200, 8299, 16, 16],
  [2200, 2204, 16, 19], // Mir
  [8600, 8600, 16, 16], // Uzcard
  [9704, 9704, 16, 19], // Napas
  [9792, 9792, 16, 16], // Troy
  [9860, 9860, 16, 16], // Humo
];

/** By the first four digits: one bit for each number of digits that is issued. */
const LENGTHS_ISSUED = new Uint32Array(10_000);
for (const [prefixMin, prefixMax, digitsMin, digitsMax] of ISSUES) {
  for (let prefix = prefixMin; prefix <= prefixMax; prefix += 1) {
    for (let digits = digitsMin; digits <= digitsMax; digits += 1)
      LENGTHS_ISSUED[prefix] = lengthsOf(prefix) | (1 << digits);
  }
}

/** Maximum number of characters other than letters and digits between two groups of a number. */
const GAP_MAX = 3;
/** Maximum size of a group if there are several, as on cards and in handwriting. */
const GROUP_MAX = 6;
/**
 * UUIDs and other long hexadecimal ids. They contain random runs of digits, so one id in 15,000 would look like a card
 * number. Two letters are required, because a single one may separate the fields of a card's track,
 * `<number>D<year><month>`.
 */
const HEXADECIMAL_ID =
  /(?<![0-9a-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=(?:[0-9]*[a-f]){2})[0-9a-f]{24,})(?![0-9a-z])/gi;

/**
 * Whether a text contains something that looks like a card number. Its number of digits must be one that the brand
 * issues, and it must pass the Luhn check. The number may be in one piece, padded with zeros, or split into the usual
 * groups, and may be next to letters or other groups. Parts of longer runs of digits are ignored, because one in ten
 * long numbers would contain a match.
 *
 * Digits of any script are recognised, and words between the groups do not hide a number.
 *
 * 3.6 % of random 16-digit numbers match, and at most that share for any other length. UUIDs, hexadecimal ids of 24 or
 * more digits, times since the epoch, IBANs and telephone numbers with a country code never match.
 */
export function holdsCardNumber(text: string): boolean {
  if (text.length < DIGITS_MIN) return false;
  const plain = NOT_ASCII.test(text) ? asciiDigits(text) : text;
  if (!hasDigits(plain)) return false;
  // Few texts match the first check; only those are checked again without their ids.
  if (hasSuspect(plain) && hasSuspect(withoutIds(plain))) return true;
  if (!plain.includes(" ") || !WORDS_BETWEEN_DIGITS.test(plain)) return false;
  return hasSuspect(withoutIds(plain).replaceAll(new RegExp(WORDS_BETWEEN_DIGITS, "gu"), " "));
}

/**
 * Whether any part of a run of digits, however long, could be a card number. Use it only for random ids that can
 * be replaced, such as trace ids: 0.1 % of them match.
 */
export function hidesCardNumber(id: string): boolean {
  if (!LONG_RUN.test(id)) return false;
  for (const [run] of id.matchAll(new RegExp(LONG_RUN, "g"))) {
    for (let from = 0; from + DIGITS_MIN <= run.length; from += 1) {
      for (let end = from + DIGITS_MIN; end <= Math.min(run.length, from + DIGITS_MAX); end += 1) {
        if (looksIssued(run, from, end)) return true;
      }
    }
  }
  return false;
}

const LONG_RUN = /\d{12,}/;
const NOT_ASCII = /[^\0-\x7f]/;

/** Up to three words, as in "4111 then 1111 and 1111, at last 1111". */
const WORDS_BETWEEN_DIGITS = /(?<=\d)[\s,.;:-]{1,3}(?:\p{L}{1,12}[\s,.;:-]{1,3}){1,3}(?=\d)/u;

const DIGIT = /\p{Nd}/u;

/** Converts digits of every script to 0 to 9. */
function asciiDigits(text: string): string {
  return text.normalize("NFKC").replaceAll(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    let zero = code;
    // Unicode assigns consecutive code points to the ten digits of a script.
    while (zero > 0 && DIGIT.test(String.fromCodePoint(zero - 1))) zero -= 1;
    return String((code - zero) % 10);
  });
}

/** E.164 telephone numbers with a country code. Limited to 13 digits, because longer numbers are not needed here. */
const TELEPHONE = /\+\d(?:[ ()/-]{0,2}\d){6,12}(?!\d)/g;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g;

function withoutIds(text: string): string {
  return text
    .replaceAll(HEXADECIMAL_ID, "x")
    .replaceAll(IBAN, (found) => (isIban(found) ? "x" : found))
    .replaceAll(TELEPHONE, "x");
}

/** ISO 13616: the IBAN as a number must be 1 modulo 97. */
function isIban(text: string): boolean {
  const compact = text.replaceAll(" ", "");
  const moved = compact.slice(4) + compact.slice(0, 4);
  let rest = 0;
  for (const character of moved) {
    for (const digit of String(Number.parseInt(character, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}

/**
 * Makes a name safe to repeat in an error: a run of eight or more digits could be part of a card number, so it is
 * replaced with one `*`.
 */
export function maskDigits(name: string): string {
  return name.replace(/\d(?:[^A-Za-z0-9]{0,3}\d){7,}/g, "*");
}

/** Whether there are at least as many digits as in the shortest card number. */
function hasDigits(text: string): boolean {
  let digits = 0;
  for (let index = 0; index < text.length && digits < DIGITS_MIN; index += 1) {
    if (isDigit(text.charCodeAt(index))) digits += 1;
  }
  return digits >= DIGITS_MIN;
}

/** Finds runs of digits and separators. Letters end a run. */
function hasSuspect(text: string): boolean {
  let start = 0;
  let digits = 0;
  let gap = 0;
  for (let index = 0; index <= text.length; index += 1) {
    const code = index < text.length ? text.charCodeAt(index) : LETTER;
    if (isDigit(code)) {
      if (digits === 0) start = index;
      digits += 1;
      gap = 0;
    } else if (digits > 0) {
      gap += 1;
      if (gap <= GAP_MAX && !isLetter(code)) continue;
      if (digits >= DIGITS_MIN && isSuspect(text.slice(start, index))) return true;
      digits = 0;
      gap = 0;
    }
  }
  return false;
}

const LETTER = 65;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** Starts at each group of a run, and tries as many groups as a card number can have. */
function isSuspect(run: string): boolean {
  const groups = run.match(/\d+/g) ?? [];
  const digits = groups.join("");
  let at = 0;
  for (const [from, { length }] of groups.entries()) {
    const end = at + length;
    // Mainframes pad numbers with zeros to a fixed width.
    let unpadded = at;
    while (digits.startsWith("0", unpadded) && unpadded < end) unpadded += 1;
    if (looksIssued(digits, unpadded, end)) return true;
    if (lengthsOf(prefixAt(digits, at)) !== 0 && isSuspectFrom(groups, from, digits, at)) return true;
    at = end;
  }
  return false;
}

function isSuspectFrom(groups: readonly string[], from: number, digits: string, at: number): boolean {
  let end = at;
  for (let to = from; to < groups.length && end - at <= DIGITS_MAX; to += 1) {
    end += groups[to]?.length ?? 0;
    if (to > from && looksIssued(digits, at, end) && isGrouping(groups.slice(from, to + 1))) return true;
  }
  return false;
}

/** Whether the groups have the sizes used on cards: equal except for a shorter last group, 4-6-4, 4-6-5, or 6-13. */
function isGrouping(groups: readonly string[]): boolean {
  const [first = 0, second = 0, ...rest] = groups.map(({ length }) => length);
  if (rest.length === 0) return first === 6 && second === 13;
  const last = rest.pop() ?? 0;
  if (rest.length === 0 && first === 4 && second === 6) return last === 4 || last === 5;
  return first <= GROUP_MAX && last <= first && [second, ...rest].every((size) => size === first);
}

function looksIssued(digits: string, from: number, end: number): boolean {
  const length = end - from;
  if (length < DIGITS_MIN || length > DIGITS_MAX) return false;
  const isIssued = (lengthsOf(prefixAt(digits, from)) & (1 << length)) !== 0;
  return isIssued && isCardNumber(digits.slice(from, end));
}

function prefixAt(digits: string, at: number): number {
  return Number(digits.slice(at, at + 4));
}

function lengthsOf(prefix: number): number {
  return LENGTHS_ISSUED[prefix] ?? 0;
}
