/** How often a guard may be wrong about a candidate that is as good as the champion, at one look. */
export const FALSE_ALARM = 1e-6;
/** The same of what is taken as the champion's share. */
const UNDERSTATED = 1e-3;

const STEPS = 50;

/**
 * Whether a mean over independent values from 0 to 1 is too large for chance alone if their expectation is at most `limit`:
 * P(mean >= m) <= exp(-n KL(m, limit)), Hoeffding 1963, theorem 1. It holds for every n and every distribution, so it needs
 * no minimum sample, and is used with one value per card: the payments of a card are alike, those of two cards are not.
 */
export function exceeds(mean: number, count: number, limit: number): boolean {
  return mean > limit && count * divergence(mean, limit) > Math.log(1 / FALSE_ALARM);
}

/** The largest expectation that a mean over `count` values is still likely for, by the same bound. */
export function likelyMaximum(mean: number, count: number): number {
  if (count === 0) return 1;
  let [low, high] = [mean, 1];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (count * divergence(mean, middle) > Math.log(1 / UNDERSTATED)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * How large the population stability index of two samples may be by chance: n1 n2 / (n1 + n2) times the index is close to
 * chi-square with one degree of freedom less than there are bins (Yurdakul and Naranjo 2020). Its quantile is that of
 * Wilson and Hilferty.
 */
export function indexByChance(bins: number, count: number): number {
  if (count === 0) return Number.POSITIVE_INFINITY;
  const freedom = bins - 1;
  const spread = 2 / (9 * freedom);
  const quantile = freedom * (1 - spread + NORMAL_QUANTILE * Math.sqrt(spread)) ** 3;
  return (quantile * 2) / count;
}

/** Of `FALSE_ALARM`, one-sided. */
const NORMAL_QUANTILE = 4.753;

/** Kullback-Leibler, of two coins. */
function divergence(one: number, other: number): number {
  return part(one, other) + part(1 - one, 1 - other);
}

function part(one: number, other: number): number {
  if (one <= 0) return 0;
  return other <= 0 ? Number.POSITIVE_INFINITY : one * Math.log(one / other);
}
