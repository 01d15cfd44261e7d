import { clusteredShare } from "./clustered-share.js";
import type { Estimate } from "./wilson-interval.js";

/** An explored payment with a verdict. */
export interface ExploredPayment {
  readonly cardToken: string;
  readonly isFraud: boolean;
  /** 1 / the probability with which it was explored. */
  readonly weight: number;
}

/**
 * Estimates the share of fraud among all declines that could be explored, from the explored ones. Each is weighted by
 * 1 / its probability (J. Hájek, "Comment on an essay by D. Basu", 1971). The interval is that of `clusteredShare`.
 */
export class ExploredPrecision {
  payments = 0;
  #weights = 0;
  readonly #cards = new Map<string, { hits: number; units: number }>();

  add({ cardToken, isFraud, weight }: ExploredPayment): void {
    const card = this.#cards.get(cardToken) ?? { hits: 0, units: 0 };
    this.#cards.set(cardToken, card);
    card.units += weight;
    if (isFraud) card.hits += weight;
    this.payments += 1;
    this.#weights += weight;
  }

  /** @returns undefined without payments */
  estimate(): Estimate | undefined {
    // Scales the weights to the number of explored payments, which determines the width of the interval.
    const scale = this.payments / this.#weights;
    return clusteredShare(
      [...this.#cards.values()].map(({ hits, units }) => ({ hits: hits * scale, units: units * scale })),
    );
  }
}
