/** Times in the user's time zone and language. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const HOURS = 24;

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const unit = (name: string) =>
  new Intl.NumberFormat(undefined, { style: "unit", unit: name, unitDisplay: "narrow", maximumFractionDigits: 1 });
const milliseconds = unit("millisecond");
const [seconds, minutes, hours, days] = [unit("second"), unit("minute"), unit("hour"), unit("day")];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "always", style: "narrow" });

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

const dayOfMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "numeric" });

/** Day and month, for the axis of a chart. */
export const formatDayOfMonth = (atMs: number): string => dayOfMonth.format(atMs);
const dayUtc = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

const dayOfMonthUtc = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const monthUtc = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });

/** A day in UTC, such as `2026-11-30`. */
export const formatDayUtc = (day: string): string => dayUtc.format(Date.parse(day));

/** The first day of a day, week or month in UTC, for the axis of a chart. */
export const formatBucket = (start: string, bucket: "day" | "week" | "month"): string =>
  (bucket === "month" ? monthUtc : dayOfMonthUtc).format(Date.parse(start));

/** The time of a payment in a fraud report: often only a date, as midnight UTC. */
export const formatPaid = (atMs: number): string => (atMs % DAY_MS === 0 ? dayUtc : moment).format(atMs);
export const formatDay = (atMs: number): string => day.format(atMs);
export const formatMoment = (atMs: number): string => moment.format(atMs);
export const formatShortMoment = (atMs: number): string => short.format(atMs);
export const formatClock = (atMs: number): string => clock.format(atMs);

const INSTANT = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z/g;

/** Converts the times in a backend's sentence from ISO 8601 in UTC to the user's time zone and language. */
export function withLocalTimes(sentence: string): string {
  return sentence.replaceAll(INSTANT, (instant) => formatMoment(Date.parse(instant)));
}

/** For example "3h ago" or "in 2d". */
export function formatRelative(atMs: number, nowMs: number): string {
  const awayMs = atMs - nowMs;
  const size = Math.abs(awayMs);
  if (size < MINUTE_MS) return relative.format(Math.trunc(awayMs / SECOND_MS), "second");
  if (size < HOUR_MS) return relative.format(Math.trunc(awayMs / MINUTE_MS), "minute");
  if (size < 2 * DAY_MS) return relative.format(Math.trunc(awayMs / HOUR_MS), "hour");
  return relative.format(Math.trunc(awayMs / DAY_MS), "day");
}

/** For example "3h" or "2d". */
export function formatSpan(spanMs: number): string {
  if (spanMs < MINUTE_MS) return seconds.format(Math.trunc(spanMs / SECOND_MS));
  if (spanMs < HOUR_MS) return minutes.format(Math.trunc(spanMs / MINUTE_MS));
  if (spanMs < 2 * DAY_MS) return hours.format(Math.trunc(spanMs / HOUR_MS));
  return days.format(Math.trunc(spanMs / DAY_MS));
}

/** For example "31ms", "4.2s" or "3m". */
export function formatTook(tookMs: number): string {
  if (tookMs < SECOND_MS) return milliseconds.format(Math.round(tookMs));
  return tookMs < MINUTE_MS ? seconds.format(tookMs / SECOND_MS) : formatSpan(tookMs);
}

/** Converts counts by hour of day from UTC to the user's time zone. */
export function toLocalHours(byHourUtc: readonly number[], offsetMinutes = -new Date().getTimezoneOffset()): number[] {
  const shift = Math.round(offsetMinutes / 60);
  return Array.from({ length: HOURS }, (_, hour) => byHourUtc[(((hour - shift) % HOURS) + HOURS) % HOURS] ?? 0);
}

/** The value of a `datetime-local` field, in the user's time zone. */
export function toLocalInput(atMs: number): string {
  const local = new Date(atMs - new Date(atMs).getTimezoneOffset() * MINUTE_MS);
  return local.toISOString().slice(0, "2026-01-01T00:00".length);
}

/** Tomorrow at 9:00 in the user's time zone. */
export function tomorrowMorning(nowMs: number): number {
  const day = new Date(nowMs);
  day.setDate(day.getDate() + 1);
  day.setHours(9, 0, 0, 0);
  return day.getTime();
}
