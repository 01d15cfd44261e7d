import type { Aggregate } from "./tile-ring.js";
import { SQUARE_UNIT } from "./tile-ring.js";

/**
 * Below this share of the mean square, the variance is computed with integers: in doubles, it would consist of rounding
 * errors, and a card that always pays the same amount would appear to vary.
 */
const CANCELLED_SHARE = 1e-4;

/**
 * Sample standard deviation, √((Σx² − (Σx)² / n) / (n − 1)), in the unit of the sums.
 *
 * @returns undefined for fewer than two values
 */
export function sampleDeviation({ count, sum, squareHigh, squareLow }: Readonly<Aggregate>): number | undefined {
  if (count < 2) return undefined;
  const squares = squareHigh * SQUARE_UNIT + squareLow;
  const deviations = squares - (sum * sum) / count;
  if (deviations > squares * CANCELLED_SHARE) return Math.sqrt(deviations / (count - 1));
  const exactSquares = BigInt(squareHigh) * BigInt(SQUARE_UNIT) + BigInt(squareLow);
  const scaled = exactSquares * BigInt(count) - BigInt(sum) * BigInt(sum);
  return Math.sqrt(Math.max(0, Number(scaled)) / count / (count - 1));
}
