/* The parameters of the world `consequences`. If they change, all reported figures must be measured again. */

/** Reports of frauds that were neither declined nor abandoned. Genuine payments get no label. */
export const REPORTS = {
  share: 0.9,
  /** Time from the payment to its chargeback: a log-normal distribution, cut off at the bounds. */
  delay: { medianDays: 25, spread: 0.7, minDays: 0.5, maxDays: 120 },
} as const;

export const THIEVES = {
  /** After this many declines, the thief gives up the card, terminal or device. */
  declinesMax: 2,
  /** After this long without an attempt, the next fraud is by a new thief. Pauses of a single thief are shorter. */
  quietDays: 3,
} as const;

/** A card is blocked when its first fraud is reported. Its owner then pays with a new number. */
export const REPLACEMENT_DAYS = 5;

/** One in `cardsPer` cards pays in another currency, in which amounts are larger by `factor`. */
export const SECOND_CURRENCY = { code: "SEK", cardsPer: 5, factor: 11.5 } as const;

/** In December, owners pay more often and more per payment. Fraud does not change. */
export const DECEMBER = { payments: 1.35, amounts: 1.15 } as const;

/** Shares of the payments that the issuer declines after Tripline approved them. */
export const ISSUER_DECLINES = { genuine: 0.02, fraud: 0.1 } as const;

/** Shares of the challenged payments that are abandoned. */
export const ABANDONED = { genuine: 0.05, fraud: 0.8 } as const;

/**
 * The rule that declines payments before there is a model: amounts above this, in major units of the first currency.
 */
export const INCUMBENT_AMOUNT_MAX = 250;
