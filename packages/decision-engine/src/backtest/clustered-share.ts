import type { Estimate } from "./wilson-interval.js";
import { wilsonInterval } from "./wilson-interval.js";

/** One card, with `hits` among its `units` payments. */
export interface Cluster {
  readonly hits: number;
  readonly units: number;
}

/** Totals over the cards without hits: their number, their payments, and the sum of the squared payment counts. */
export interface Untouched {
  readonly clusters: number;
  readonly units: number;
  readonly unitSquares: number;
}

const NONE: Untouched = { clusters: 0, units: 0, unitSquares: 0 };

/**
 * A share of payments with Wilson's interval, based on the effective number of payments. Payments of one card resemble
 * each other, so a hundred payments of one card contain less information than payments of a hundred cards. The number
 * is divided by the design effect, which is at least 1: the linearised variance of the ratio over whole cards, divided
 * by the variance for independent payments (E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with
 * small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998; compared with
 * other methods by C. Franco et al., Journal of Survey Statistics and Methodology 7, 2019). For shares of 0 and 1,
 * payments within a card are assumed to be identical.
 *
 * @returns undefined if there are no payments
 */
export function clusteredShare(touched: Iterable<Cluster>, untouched: Untouched = NONE): Estimate | undefined {
  let { clusters, units, unitSquares } = untouched;
  let [hits, hitSquares, products] = [0, 0, 0];
  for (const cluster of touched) {
    clusters += 1;
    units += cluster.units;
    unitSquares += cluster.units ** 2;
    hits += cluster.hits;
    hitSquares += cluster.hits ** 2;
    products += cluster.hits * cluster.units;
  }
  if (units === 0) return undefined;
  const share = hits / units;
  return wilsonInterval(share, units / designEffect());

  function designEffect(): number {
    if (share === 0 || share === 1 || clusters < 2) return unitSquares / units;
    // The sum over cards of (hits - share * units)².
    const squares = hitSquares - 2 * share * products + share ** 2 * unitSquares;
    const clustered = ((clusters / (clusters - 1)) * squares) / units ** 2;
    return Math.max(1, clustered / ((share * (1 - share)) / units));
  }
}
