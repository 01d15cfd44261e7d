/** Latest time of ECMAScript dates, https://tc39.es/ecma262/#sec-time-values-and-time-range */
const TIME_MAX_MS = 8.64e15;

/**
 * RFC 3339, but also accepts a missing zone or a space instead of the T, because Python and pandas write such times.
 */
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$/i;

/** The expected format, for error messages. */
export const TIMESTAMP_SHAPE = "a time such as 2026-07-01T12:00:00Z";

/**
 * A time in milliseconds since the epoch; undefined for a string that is not a time, and for a time before the epoch. A
 * time without a zone is in UTC, as in Feast. Fractions of a millisecond are truncated.
 */
export function parseTimestamp(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const [, date, time, fraction = "", zone = "Z"] = TIMESTAMP.exec(text) ?? [];
  if (date === undefined) return undefined;
  const atMs = Date.parse(`${date}T${time}${fraction.slice(0, 4)}${zone.toUpperCase()}`);
  // `Date.parse` accepts 31 February as a day in March.
  const isDay = new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date) ?? false;
  return isDay && atMs >= 0 && atMs <= TIME_MAX_MS ? atMs : undefined;
}
