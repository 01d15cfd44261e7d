import { NEVER_MS } from "./state/no-time.js";
import { sampleDeviation } from "./state/sample-deviation.js";
import type { Aggregate } from "./state/tile-ring.js";

/*
 * The last step of every kind of feature: formulas that turn aggregates and times into the feature's value. They are
 * used for single payments and whole columns. Sums and maxima are in thousandths of the major unit; `none` is the
 * feature's default.
 */

const THOUSANDTHS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Amounts are summed as integers, so that sums are exact and independent of the order of events. */
export function toThousandths(amountMinor: number, decimals: number): number {
  return decimals <= 3 ? amountMinor * 10 ** (3 - decimals) : Math.round(amountMinor / 10 ** (decimals - 3));
}

export function hourOfDay(atMs: number): number {
  return Math.floor((atMs % DAY_MS) / HOUR_MS);
}

/** 1 is Monday and 7 is Sunday, as in ISO 8601. Day 0 of the epoch was a Thursday. */
export function dayOfWeek(atMs: number): number {
  return ((Math.floor(atMs / DAY_MS) + 3) % 7) + 1;
}

export function isWeekend(atMs: number): number {
  return dayOfWeek(atMs) >= 6 ? 1 : 0;
}

export function isNight(atMs: number): number {
  return hourOfDay(atMs) < 7 ? 1 : 0;
}

export function sumOf(sum: number): number {
  return sum / THOUSANDTHS;
}

export function meanOf(count: number, sum: number, none: number): number {
  return count === 0 ? none : sum / THOUSANDTHS / count;
}

export function maxOf(count: number, max: number, none: number): number {
  return count === 0 ? none : max / THOUSANDTHS;
}

/** The amount divided by the mean of the earlier payments. */
export function ratioToMean(thousandths: number, count: number, sum: number, none: number): number {
  return sum === 0 ? none : (thousandths * count) / sum;
}

export function standardDeviation(past: Readonly<Aggregate>, none: number): number {
  const deviation = sampleDeviation(past);
  return deviation === undefined ? none : deviation / THOUSANDTHS;
}

/** How many standard deviations the amount is above the mean of the earlier payments. */
export function zScore(thousandths: number, past: Readonly<Aggregate>, none: number): number {
  const deviation = sampleDeviation(past);
  return deviation === undefined || deviation === 0 ? none : (thousandths - past.sum / past.count) / deviation;
}

export function labelCount(count: number, none: number): number {
  return count === 0 ? none : count;
}

export function fraudCount(count: number, frauds: number, none: number): number {
  return count === 0 ? none : frauds;
}

export function fraudRate(count: number, frauds: number, none: number): number {
  return count === 0 ? none : frauds / count;
}

/** Additive smoothing: adds `weight` imaginary labels with the fraud rate `prior` to the real labels. */
export function fraudRisk(count: number, frauds: number, prior: number, weight: number): number {
  return (frauds + prior * weight) / (count + weight);
}

/** For an out-of-order payment, only newer payments may be known; the time since its predecessor is then unknown. */
export function secondsSince(lastMs: number, atMs: number, horizonMs: number, none: number): number {
  const passedMs = atMs - lastMs;
  return lastMs === NEVER_MS || passedMs < 0 || passedMs > horizonMs ? none : passedMs / 1000;
}

export function isNewPair(lastMs: number): number {
  return lastMs === NEVER_MS ? 1 : 0;
}

export function daysSince(firstMs: number, atMs: number, none: number): number {
  return firstMs === NEVER_MS || firstMs > atMs ? none : (atMs - firstMs) / DAY_MS;
}
