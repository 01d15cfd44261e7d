/** Probability that a guard rejects a candidate that is as good as the champion, per check. */
export const FALSE_ALARM = 1e-6;
/** Probability that the champion's share is underestimated. */
const UNDERSTATED = 1e-3;

const STEPS = 50;

/**
 * Whether a mean of independent values from 0 to 1 is too large to be chance if their expectation is at most `limit`:
 * P(mean >= m) <= exp(-n KL(m, limit)), Hoeffding 1963, theorem 1. The bound is valid for every n and every
 * distribution, so it needs no minimum sample. Use it with one value per card, because payments of the same card are
 * correlated, while those of different cards are not.
 */
export function exceeds(mean: number, count: number, limit: number): boolean {
  return mean > limit && count * divergence(mean, limit) > Math.log(1 / FALSE_ALARM);
}

/** The largest expectation for which a mean over `count` values is still plausible, by the same bound. */
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

/** Kullback-Leibler divergence of two Bernoulli distributions. */
function divergence(one: number, other: number): number {
  return part(one, other) + part(1 - one, 1 - other);
}

function part(one: number, other: number): number {
  if (one <= 0) return 0;
  return other <= 0 ? Number.POSITIVE_INFINITY : one * Math.log(one / other);
}
