/** Bets, each as the share of the capital that is lost if a value is 0. The best share depends on the unknown mean. */
const SHARES = [0.02, 0.06, 0.15, 0.35, 0.6, 0.9];
/** Further bets start after 64, 128, 256 … values, so that earlier good values do not hide a later change. */
const FIRST_START = 64;
const STARTS_MAX = 20;
/** Weight of the bets that start with the first value. */
const FIRST_WEIGHT = 0.7;

/**
 * Evidence that the mean of values from 0 to 1 exceeds a limit, valid at any time: if the expectation of every value,
 * given the earlier ones, is at most its limit, the capital reaches C with probability 1/C at most, however often it is
 * checked (Ville's inequality).
 *
 * The capital is the product of 1 + λ (value − limit), as in I. Waudby-Smith and A. Ramdas, "Estimating means of
 * bounded random variables by betting", Journal of the Royal Statistical Society B 86, 2024, section 4. It is averaged
 * over λ ("diversified Kelly betting" there) and over the start, because an average of such products is valid as well.
 */
export class BetOnMean {
  readonly #shares: readonly number[];
  /** Logarithms of the capital, by start and then by bet. */
  readonly #starts: Float64Array[] = [];
  #values = 0;

  constructor(shares: readonly number[] = SHARES) {
    this.#shares = shares;
  }

  /**
   * @param value from 0 to 1
   * @param limit above 0, chosen before the value is known; a limit of 1 or more cannot be exceeded
   */
  add(value: number, limit: number): void {
    if (limit >= 1) return;
    const next = this.#starts.length;
    const isDue = next === 0 || this.#values === FIRST_START * 2 ** (next - 1);
    if (isDue && next < STARTS_MAX) this.#starts.push(new Float64Array(this.#shares.length));
    this.#values += 1;
    const gains = this.#shares.map((share) => Math.log1p((share / limit) * (value - limit)));
    for (const start of this.#starts) for (const [bet, gain] of gains.entries()) start[bet] = (start[bet] ?? 0) + gain;
  }

  /** The logarithm of the capital. */
  get logCapital(): number {
    const later = 1 - FIRST_WEIGHT;
    // The capital reserved for later starts has not been bet yet.
    let [sum, rest] = [0, 1];
    for (const [at, start] of this.#starts.entries()) {
      const weight = at === 0 ? FIRST_WEIGHT : later / (at * (at + 1));
      rest -= weight;
      for (const log of start) sum += (weight / start.length) * Math.exp(log);
    }
    return Math.log(sum + Math.max(rest, 0));
  }
}

/** The logarithm of the average capital of several bets. The average is as valid as the capital of each bet. */
export function logAverage(bets: readonly BetOnMean[]): number {
  const sum = bets.reduce((total, bet) => total + Math.exp(bet.logCapital), 0);
  return Math.log(sum / bets.length);
}
