import { DECEMBER } from "./consequences/consequences-table.js";
import type { Random } from "./seed-random.js";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Relative number of payments per hour (UTC): quiet nights, a peak at noon and a higher one after work. */
const WORKDAY_HOURS = [2, 1, 1, 1, 1, 3, 8, 16, 22, 24, 26, 32, 38, 34, 28, 28, 32, 42, 46, 38, 26, 16, 9, 4];
const WEEKEND_HOURS = [5, 3, 2, 1, 1, 1, 3, 7, 16, 28, 38, 42, 42, 40, 38, 36, 34, 32, 32, 30, 26, 22, 15, 9];

/** Thieves are also active at night. */
const THIEF_HOURS = Array.from({ length: 24 }, (_, hour) => (hour < 6 ? 3 : 2));

const WEEKEND_FACTOR = 1.2;

export const NO_SEASON = { payments: 1, amounts: 1 } as const;

/** Days since the epoch. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS);
}

/** 1 January 1970 was a Thursday. */
export function isWeekend(day: number): boolean {
  const weekday = (((day + 4) % 7) + 7) % 7;
  return weekday === 0 || weekday === 6;
}

/** Factor applied to a card's number of payments; its weekly average is 1. */
export function dayFactor(day: number): number {
  const mean = (5 + 2 * WEEKEND_FACTOR) / 7;
  return (isWeekend(day) ? WEEKEND_FACTOR : 1) / mean;
}

/** Factors for an owner's number of payments and for their amounts. */
export function seasonOf(day: number): { readonly payments: number; readonly amounts: number } {
  return new Date(day * DAY_MS).getUTCMonth() === 11 ? DECEMBER : NO_SEASON;
}

/** A time within the day, in milliseconds since the epoch. */
export function ownerTimeMs(day: number, random: Random): number {
  return day * DAY_MS + timeOfDayMs(isWeekend(day) ? WEEKEND_HOURS : WORKDAY_HOURS, random);
}

export function thiefTimeMs(day: number, random: Random): number {
  return day * DAY_MS + timeOfDayMs(THIEF_HOURS, random);
}

function timeOfDayMs(hours: readonly number[], random: Random): number {
  let rest = random() * hours.reduce((sum, weight) => sum + weight, 0);
  let hour = 0;
  while (hour < 23 && rest >= (hours[hour] ?? 0)) {
    rest -= hours[hour] ?? 0;
    hour += 1;
  }
  return hour * HOUR_MS + Math.floor(random() * HOUR_MS);
}
