/** A figure with the bounds of its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % quantile of the standard normal distribution. */
const Z = 1.959_963_984_540_054;

/**
 * Wilson's score interval for a share (E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", Journal of the American Statistical Association 22, 1927). Unlike share ± 1.96 standard errors, it stays
 * between 0 and 1, and remains useful for few observations and for shares of 0 and 1.
 *
 * @param observations the denominator of the share, more than 0; may be a fraction, see `clusteredShare`
 */
export function wilsonInterval(share: number, observations: number): Estimate {
  const spread = Z ** 2 / observations;
  const centre = (share + spread / 2) / (1 + spread);
  const half = (Z / (1 + spread)) * Math.sqrt((share * (1 - share)) / observations + spread / (4 * observations));
  // The bounds are exact at 0 and 1; rounding must not exclude the share.
  return {
    value: share,
    low: share === 0 ? 0 : Math.min(share, Math.max(0, centre - half)),
    high: share === 1 ? 1 : Math.max(share, Math.min(1, centre + half)),
  };
}
