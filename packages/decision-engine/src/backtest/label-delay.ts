/** Labels with the same delay for payments of the same age, both in whole days. */
export interface DelayCell {
  /** From the payment to the newest label in the lake. */
  readonly ageDays: number;
  /** From the payment to its label. */
  readonly delayDays: number;
  readonly labels: number;
}

/**
 * A delay is ignored if fewer labels than this could have had it, because a single label would then have too much
 * weight.
 */
export const LABELS_MIN = 50;

/**
 * Days until a given share of the labels has arrived, rounded up. For recent payments, only early labels have arrived
 * so far, so plain quantiles would be too short. Therefore the count of each delay is compared with the labels of
 * payments that are old enough to have had that delay: the product-limit estimator in reverse time (S. W. Lagakos, L.
 * M. Barraj, V. De Gruttola, "Nonparametric analysis of truncated survival data, with application to AIDS", Biometrika
 * 75, 1988). Delays longer than the lake's history cannot be observed.
 *
 * @param share above 0, at most 1
 * @returns undefined if there are no labels
 */
export function labelDelayDays(cells: readonly DelayCell[], share: number): number | undefined {
  // A day that has not ended has only some of its labels.
  const whole = cells.filter(({ ageDays, delayDays }) => delayDays < ageDays);
  const used = whole.length > 0 ? whole : cells;
  const enough = Math.min(LABELS_MIN, labelsOf(used) / 2);
  const comparable = (delay: number) =>
    labelsOf(used.filter(({ ageDays, delayDays }) => delayDays <= delay && ageDays > delay));
  const delays = [...new Set(used.map(({ delayDays }) => delayDays))].sort((left, right) => right - left);
  const seen = delays.filter((delay) => whole.length === 0 || comparable(delay) >= enough);
  let within = 1;
  for (const [index, delay] of seen.entries()) {
    const late = labelsOf(used.filter(({ delayDays }) => delayDays === delay));
    within *= 1 - late / Math.max(late, comparable(delay));
    if (within < share || index === seen.length - 1) return delay + 1;
  }
  return undefined;
}

/** The total number of labels in the cells. */
export function labelsOf(cells: readonly DelayCell[]): number {
  return cells.reduce((sum, { labels }) => sum + labels, 0);
}
