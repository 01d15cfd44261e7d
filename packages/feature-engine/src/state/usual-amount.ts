import { ratioToMean } from "../feature-formulas.js";

/**
 * What an entity usually pays, and which of its last payments were far above that. One large payment moves the usual amount
 * little: each counts at most `CLIP` times the mean so far. Amounts are in thousandths of the major unit, so sums are whole
 * numbers.
 */
export interface UsualAmount {
  /** Payments in the sum, those of nothing left out. */
  count: number;
  sum: number;
  /** Time and ratio of unusual payments, in the order in which they were counted. Only the first `used` numbers mean anything. */
  readonly rows: Float64Array;
  used: number;
}

export const UNUSUAL_STRIDE = 2;
/** Of more unusual payments, the ones that were counted first are forgotten. */
export const UNUSUAL_MAX = 32;
/** A payment is unusual from so many times the usual amount on. How it and `CLIP` were chosen: docs/features.md. */
const UNUSUAL_RATIO = 2;
const CLIP = 2.5;
/** At so many payments the sum is halved, so that what is usual follows. */
const PAYMENTS_MAX = 256;
/** Ratios are kept as whole thousandths. */
const RATIO_UNIT = 1000;

export function noUsualAmount(): UsualAmount {
  return { count: 0, sum: 0, rows: new Float64Array(UNUSUAL_MAX * UNUSUAL_STRIDE), used: 0 };
}

/**
 * Counts a payment.
 *
 * @param expiredMs unusual payments at or before it are forgotten when another one comes
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
  // As the sums of tiles, it stays at the bound of what can be stored.
  usual.sum = Math.min(usual.sum + counted, Number.MAX_SAFE_INTEGER);
  if (usual.count < PAYMENTS_MAX) return;
  usual.count = PAYMENTS_MAX / 2;
  usual.sum = Math.ceil(usual.sum / 2);
}

/** How many unusual payments took place after `afterMs` and not after `untilMs`. */
export function countUnusual({ rows, used }: UsualAmount, afterMs: number, untilMs: number): number {
  let count = 0;
  for (let at = 0; at < used; at += UNUSUAL_STRIDE) if (isWithin(rows, at, afterMs, untilMs)) count += 1;
  return count;
}

/** The largest ratio among those, in whole thousandths and rounded down; 0 where there is none. */
export function largestRatio({ rows, used }: UsualAmount, afterMs: number, untilMs: number): number {
  let largest = 0;
  for (let at = 0; at < used; at += UNUSUAL_STRIDE) {
    if (isWithin(rows, at, afterMs, untilMs)) largest = Math.max(largest, rows[at + 1] ?? 0);
  }
  return largest / RATIO_UNIT;
}

/** Whether a payment of that time was unusual, as far as it is remembered. */
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
  // One of a full table has to go, whether it has expired or not.
  for (let at = usual.used === rows.length ? UNUSUAL_STRIDE : 0; at < usual.used; at += UNUSUAL_STRIDE) {
    if ((rows[at] ?? 0) <= expiredMs) continue;
    rows.copyWithin(kept, at, at + UNUSUAL_STRIDE);
    kept += UNUSUAL_STRIDE;
  }
  rows[kept] = atMs;
  rows[kept + 1] = Math.min(Math.floor(ratio * RATIO_UNIT), Number.MAX_SAFE_INTEGER);
  usual.used = kept + UNUSUAL_STRIDE;
}
