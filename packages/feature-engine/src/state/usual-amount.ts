import { ratioToMean } from "../feature-formulas.js";

/**
 * The usual amount of an entity, and which of its last payments were far above it. One large payment changes the usual
 * amount only slightly, because each payment counts at most `CLIP` times the mean so far. Amounts are in thousandths of
 * the major unit, so sums are integers.
 */
export interface UsualAmount {
  /** Number of payments in the sum, excluding zero amounts. */
  count: number;
  sum: number;
  /**
   * Time and ratio of unusual payments, in the order in which they were counted. Only the first `used` numbers are
   * valid.
   */
  readonly rows: Float64Array;
  used: number;
}

export const UNUSUAL_STRIDE = 2;
/** If there are more unusual payments, those counted first are dropped. */
export const UNUSUAL_MAX = 32;
/**
 * A payment is unusual if it is at least this multiple of the usual amount. docs/features.md explains the choice of
 * this value and of `CLIP`.
 */
const UNUSUAL_RATIO = 2;
const CLIP = 2.5;
/** When the count reaches this number, the sum is halved, so that the usual amount adapts. */
const PAYMENTS_MAX = 256;
/** Ratios are stored in thousandths, as integers. */
const RATIO_UNIT = 1000;

export function noUsualAmount(): UsualAmount {
  return { count: 0, sum: 0, rows: new Float64Array(UNUSUAL_MAX * UNUSUAL_STRIDE), used: 0 };
}

/**
 * Counts a payment.
 *
 * @param expiredMs unusual payments at or before this time are removed when another one arrives
 */
export function addAmount(usual: UsualAmount, atMs: number, thousandths: number, expiredMs: number): void {
  if (thousandths === 0) return;
  let counted = thousandths;
  if (usual.count > 0) {
    const ratio = ratioToMean(thousandths, usual.count, usual.sum, 0);
    if (ratio >= UNUSUAL_RATIO) addUnusual(usual, atMs, ratio, expiredMs);
    counted = Math.min(thousandths, Math.ceil((CLIP * usual.sum) / usual.count));
  }
  usual.count += 1;
  // Like the sums of tiles, it is capped at the largest number that can be stored.
  usual.sum = Math.min(usual.sum + counted, Number.MAX_SAFE_INTEGER);
  if (usual.count < PAYMENTS_MAX) return;
  usual.count = PAYMENTS_MAX / 2;
  usual.sum = Math.ceil(usual.sum / 2);
}

/** Number of unusual payments after `afterMs` and up to `untilMs`. */
export function countUnusual({ rows, used }: UsualAmount, afterMs: number, untilMs: number): number {
  let count = 0;
  for (let at = 0; at < used; at += UNUSUAL_STRIDE) if (isWithin(rows, at, afterMs, untilMs)) count += 1;
  return count;
}

/** The largest ratio among these payments, rounded down to thousandths; 0 if there are none. */
export function largestRatio({ rows, used }: UsualAmount, afterMs: number, untilMs: number): number {
  let largest = 0;
  for (let at = 0; at < used; at += UNUSUAL_STRIDE) {
    if (isWithin(rows, at, afterMs, untilMs)) largest = Math.max(largest, rows[at + 1] ?? 0);
  }
  return largest / RATIO_UNIT;
}

/** Whether a payment at that time was unusual, as far as it is remembered. */
export function wasUnusual({ rows, used }: UsualAmount, atMs: number): boolean {
  for (let at = 0; at < used; at += UNUSUAL_STRIDE) if (rows[at] === atMs) return true;
  return false;
}

function isWithin(rows: Float64Array, at: number, afterMs: number, untilMs: number): boolean {
  const atMs = rows[at] ?? 0;
  return atMs > afterMs && atMs <= untilMs;
}

function addUnusual(usual: UsualAmount, atMs: number, ratio: number, expiredMs: number): void {
  const { rows } = usual;
  let kept = 0;
  // A full table must drop one entry, whether or not that entry has expired.
  for (let at = usual.used === rows.length ? UNUSUAL_STRIDE : 0; at < usual.used; at += UNUSUAL_STRIDE) {
    if ((rows[at] ?? 0) <= expiredMs) continue;
    rows.copyWithin(kept, at, at + UNUSUAL_STRIDE);
    kept += UNUSUAL_STRIDE;
  }
  rows[kept] = atMs;
  rows[kept + 1] = Math.min(Math.floor(ratio * RATIO_UNIT), Number.MAX_SAFE_INTEGER);
  usual.used = kept + UNUSUAL_STRIDE;
}
