/** Payments of one entity in time order, as columns, because a million objects would be slow. */
export interface PaymentColumns {
  readonly atMs: Float64Array;
  readonly thousandths: Float64Array;
}

/** The aggregate over the window before payment `last`, without that payment. In thousandths, from single payments. */
export function windowBefore({ atMs, thousandths }: PaymentColumns, last: number, widthMs: number, tileMs: number) {
  const fromMs = Math.floor(((atMs[last] ?? 0) - widthMs) / tileMs) * tileMs;
  let count = 0;
  let sum = 0;
  for (let index = last - 1; index >= 0 && (atMs[index] ?? 0) >= fromMs; index -= 1) {
    count += 1;
    sum += thousandths[index] ?? 0;
  }
  const mean = sum / count;
  let deviations = 0;
  for (let index = last - count; index < last; index += 1) deviations += ((thousandths[index] ?? 0) - mean) ** 2;
  return { count, sum, mean, deviation: Math.sqrt(deviations / (count - 1)) };
}
