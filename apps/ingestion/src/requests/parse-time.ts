/** `date-time` of RFC 3339 section 5.6, including lower-case `t` and `z`, but without leap seconds. */
export const RFC_3339_PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DAYS_MAX: readonly number[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** The calendar repeats after this many years. */
const CYCLE_YEARS = 400;
const CYCLE_MS = 146_097 * DAY_MS;
const FRACTION_AT = 20;
const ZERO = "0".charCodeAt(0);

/**
 * Reads an RFC 3339 time with an offset. The pattern only validates the format, because reading the digits directly is
 * faster than using match groups.
 *
 * @returns milliseconds since the epoch, truncated; undefined if `text` is not such a time
 */
export function parseTime(text: string): number | undefined {
  if (!RFC_3339_PATTERN.test(text)) return undefined;
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)];
  // `Date.UTC` would silently turn 30 February into 2 March.
  if (day < 1 || day > (DAYS_MAX[month - 1] ?? 0) || (month === 2 && day === 29 && !isLeap(year))) return undefined;
  // Date.UTC reads the years 0 to 99 as 1900 to 1999, so years of a later cycle are used instead.
  const cycleLater = Date.UTC(year + CYCLE_YEARS, month - 1, day, digits(text, 11, 2), digits(text, 14, 2));
  const zoneAt = text.endsWith("Z") || text.endsWith("z") ? text.length - 1 : text.length - 6;
  return cycleLater - CYCLE_MS + digits(text, 17, 2) * 1_000 + fractionMs(text, zoneAt) - offsetMs(text, zoneAt);
}

function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index += 1) value = value * 10 + text.charCodeAt(index) - ZERO;
  return value;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function fractionMs(text: string, zoneAt: number): number {
  const count = Math.min(3, Math.max(0, zoneAt - FRACTION_AT));
  return digits(text, FRACTION_AT, count) * 10 ** (3 - count);
}

function offsetMs(text: string, zoneAt: number): number {
  if (zoneAt === text.length - 1) return 0;
  const offset = (digits(text, zoneAt + 1, 2) * 60 + digits(text, zoneAt + 4, 2)) * MINUTE_MS;
  return text[zoneAt] === "-" ? -offset : offset;
}

/** Whether a string is the time of a leap second, 23:59:60 UTC, which milliseconds since the epoch cannot express. */
export function isLeapSecond(text: string): boolean {
  const ms = parseTime(text.replace(/:60(?=[.Zz+-])/, ":59"));
  return ms !== undefined && text.includes(":60") && new Date(ms).toISOString().slice(11, 19) === "23:59:59";
}

/** RFC 3339 in UTC with milliseconds. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
