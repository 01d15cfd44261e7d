import { z } from "zod";
import type { Bucket, Days } from "../contract/overview.js";
import { OVERVIEW_DAYS } from "./count-overview.js";

const DAY_MS = 86_400_000;
const DAYS_OF_WEEK = 7;
const DAYS_OF_YEAR_MAX = 366;
const MONTHS_OF_YEAR = 12;
/** Maximum number of months in which a period has days. */
const MONTHS_MAX = MONTHS_OF_YEAR + 2;
/** A year of each. */
const COUNT_MAX: Readonly<Record<Bucket, number>> = { day: DAYS_OF_YEAR_MAX, week: 52, month: MONTHS_OF_YEAR };

export const overviewQuery = z
  .strictObject({
    bucket: z.enum(["day", "week", "month"]).default("day"),
    count: z.coerce.number().int().min(1).max(COUNT_MAX.day).default(30),
    until: z.iso.date("must be a day, such as 2026-11-30").optional(),
    by: z.enum(["country", "merchant", "model", "reason"]).optional(),
  })
  .refine(({ bucket, count }) => count <= COUNT_MAX[bucket], {
    path: ["count"],
    message: "must be at most 366 days, 52 weeks or 12 months",
  });
/** The same, with only those days for `until` that can have figures: clocks differ, so tomorrow is one of them. */
export const overviewQueryAt = (nowMs: number) => {
  const [first, last] = [keptFrom(nowMs), move("day", dayOf(nowMs), 1)];
  return overviewQuery.refine(({ until }) => until === undefined || (until >= first && until <= last), {
    path: ["until"],
    message: `must be a day from ${first} to ${last}`,
  });
};
export type OverviewQuery = z.infer<typeof overviewQuery>;

export interface Period {
  readonly bucket: Bucket;
  readonly days: Days;
  readonly previousDays: Days;
  /** First days of the buckets. */
  readonly starts: readonly string[];
  /** SQL interval from the period before to this one. */
  readonly shift: string;
}

export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, "2026-11-30".length);

/** The first day whose figures have not been deleted. */
export const keptFrom = (nowMs: number): string => move("day", dayOf(nowMs), -OVERVIEW_DAYS);

/** The last `count` buckets until a day, and as many before, both in UTC. The last bucket of both ends after the same share. */
export function periodOf({ bucket, count, until }: OverviewQuery, nowMs: number): Period {
  const last = until ?? dayOf(nowMs);
  const current = startOf(bucket, last);
  const starts = Array.from({ length: count }, (_, index) => move(bucket, current, index + 1 - count));
  const first = starts[0] ?? current;
  return {
    bucket,
    days: { from: first, to: last },
    previousDays: { from: move(bucket, first, -count), to: move(bucket, last, -count) },
    starts,
    shift: `${count} ${bucket}s`,
  };
}

/** The first day of the day's week, which is a Monday, or month. */
function startOf(bucket: Bucket, day: string): string {
  if (bucket === "day") return day;
  if (bucket === "month") return `${day.slice(0, "2026-11".length)}-01`;
  const atMs = Date.parse(day);
  const sinceMonday = (new Date(atMs).getUTCDay() + DAYS_OF_WEEK - 1) % DAYS_OF_WEEK;
  return dayOf(atMs - sinceMonday * DAY_MS);
}

/** Months have different lengths, so the 31st becomes the last day of a shorter month. */
function move(bucket: Bucket, day: string, by: number): string {
  if (bucket !== "month") return dayOf(Date.parse(day) + by * (bucket === "week" ? DAYS_OF_WEEK : 1) * DAY_MS);
  const from = new Date(day);
  const [year, month] = [from.getUTCFullYear(), from.getUTCMonth() + by];
  const daysOfMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return dayOf(Date.UTC(year, month, Math.min(from.getUTCDate(), daysOfMonth)));
}

/**
 * Both days, and all between them.
 *
 * @throws RangeError for more than a year
 */
export function daysBetween({ from, to }: Days): string[] {
  const count = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (count > DAYS_OF_YEAR_MAX) throw new RangeError(`${from} to ${to} is more than a year.`);
  return Array.from({ length: count }, (_, index) => move("day", from, index));
}

/** The number of months since the year 0. */
function monthOf(day: string): number {
  const at = new Date(day);
  return at.getUTCFullYear() * MONTHS_OF_YEAR + at.getUTCMonth();
}

/** The months and the remaining days of a period. */
export interface Parts {
  readonly days: readonly string[];
  /** First days. */
  readonly months: readonly string[];
}

/**
 * Splits periods into whole months, whose sums are stored, and days.
 *
 * @param apart a day before which sums are also needed, so its month is read by day
 * @throws RangeError for a period of more than a year
 */
export function partsOf(periods: readonly Days[], apart: string | null): Parts {
  const days: string[] = [];
  const months: string[] = [];
  for (const { from, to } of periods) {
    const count = monthOf(to) - monthOf(from) + 1;
    if (count > MONTHS_MAX) throw new RangeError(`${from} to ${to} is more than a year.`);
    let first = from;
    for (let number = 0; number < count; number += 1) {
      const month = startOf("month", first);
      const next = move("month", month, 1);
      const last = move("day", next, -1);
      const isWhole = first === month && last <= to && (apart === null || apart <= month || apart >= next);
      if (isWhole) months.push(month);
      else days.push(...daysBetween({ from: first, to: last }).filter((day) => day <= to));
      first = next;
    }
  }
  return { days, months };
}
