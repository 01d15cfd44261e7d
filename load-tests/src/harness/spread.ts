/** Median with the lowest and the highest value. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** @throws RangeError without values, or if one of them is not a number */
export function spreadOf(values: readonly number[]): Spread {
  const [low, high] = [percentile(values, 0), percentile(values, 1)];
  return { median: percentile(values, 0.5), low, high };
}

/**
 * The quantile for a share from 0 to 1, with linear interpolation: type 7 of Hyndman and Fan, "Sample Quantiles in
 * Statistical Packages" (1996), the default of numpy and R.
 *
 * @throws RangeError without values, or if one of them is not a number
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("An empty list has no median.");
  if (values.some(Number.isNaN)) throw new RangeError("One of the values is not a number.");
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * Ratios round by round, because the two runs of a round are adjacent in time. If one ran fewer rounds, uses the median
 * of the other.
 */
export function ratiosOf(values: readonly number[], to: readonly number[]): number[] {
  if (values.length === to.length) return values.map((value, round) => value / (to[round] ?? Number.NaN));
  if (values.length < to.length) return values.map((value) => value / spreadOf(to).median);
  return to.map((value) => spreadOf(values).median / value);
}

/** For example `12.3 (11.9–13.1)`; only the value if all are the same. */
export function printSpread({ median, low, high }: Spread): string {
  if (low === high) return printNumber(median);
  return `${printNumber(median)} (${printNumber(low)}–${printNumber(high)})`;
}

/** Three significant digits, but always all digits before the decimal point. */
export function printNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toFixed(Math.min(digits, 6));
}
