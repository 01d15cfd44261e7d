/** RFC 3339 section 5.6 `date-time`; the lower-case `t` and `z` that it allows too. No leap seconds. */
export const RFC_3339_PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

const MINUTE_MS = 60_000;

/**
 * Reads an RFC 3339 time with an offset.
 *
 * @returns milliseconds since the epoch, finer fractions cut off; undefined when `text` is no such time
 */
export function parseTime(text: string): number | undefined {
  const match = RFC_3339_PATTERN.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const local = new Date(0);
  // Unlike Date.UTC this takes the years 0 to 99 as they are written.
  local.setUTCFullYear(year, month - 1, day);
  // Out-of-range days and months roll over silently; the 30th of February is not the 2nd of March.
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) return undefined;
  const milliseconds = Number((match[7] ?? "0").padEnd(3, "0").slice(0, 3));
  local.setUTCHours(hour, minute, second, milliseconds);
  const offset = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * MINUTE_MS;
  return local.getTime() - (match[8] === "-" ? -offset : offset);
}

/** RFC 3339 in UTC with milliseconds. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
