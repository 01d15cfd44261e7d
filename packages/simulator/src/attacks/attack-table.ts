import { HOUR_MS } from "../payment-times.js";

/** Bounds, both inclusive. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

const MINUTE_MS = HOUR_MS / 60;

/* The parameters of the attacks. If they change, all reported figures must be measured again. */

/**
 * Many small payments from one device, each with a different number of one BIN, then larger ones with the numbers that
 * worked.
 */
export const CARD_TESTING = {
  attempts: { min: 90, max: 180 },
  /** Duration of the attempts. */
  attemptsMs: { min: 20 * MINUTE_MS, max: 60 * MINUTE_MS },
  /** In major units. */
  attemptAmount: { min: 0.5, max: 3 },
  /** Number of shops that are used in rotation, so that no shop sees many attempts. */
  terminals: { min: 8, max: 16 },
  /** Share of tested numbers that an issuer has issued. The other numbers fail with `CODES.noSuchCard`. */
  issuedShare: 0.3,
  /** Share of attempts with issued numbers that the issuer authorises: the attacker guesses expiry date and code. */
  authorisedShare: 0.5,
  /** Attempts per e-mail address; addresses are numbered. */
  attemptsPerEmail: 6,
  /** Number of addresses used in one /24 network. */
  addresses: { min: 2, max: 12 },
  /** Share of the working cards with which the attacker pays. */
  purchaseShare: 0.9,
  purchasesPerCard: { min: 1, max: 2 },
  /** Time from the last attempt to a purchase. */
  purchaseDelayMs: { min: 15 * MINUTE_MS, max: 4 * HOUR_MS },
  /** Median in major units, and standard deviation of the logarithm. */
  purchaseAmount: { median: 160, spread: 0.5 },
  /** Share of purchases from the device that tested the card. The other purchases are made by buyers of the numbers. */
  sameDeviceShare: 0.6,
  purchaseAuthorisedShare: 0.8,
} as const;

/**
 * After the e-mail address of a customer's account was changed, it pays with another device, network and delivery
 * address.
 */
export const ACCOUNT_TAKEOVER = {
  payments: { min: 2, max: 5 },
  /** Time from the first payment to the last. */
  lengthMs: { min: 10 * MINUTE_MS, max: 3 * HOUR_MS },
  /** Factor on the owner's typical amount: median, and standard deviation of the logarithm. */
  amountFactor: { median: 4, spread: 0.4 },
  /** Share of takeovers with a changed e-mail address. The thief has access to the owner's mailbox in the others. */
  emailChangedShare: 0.8,
  /** Share of takeovers with a domestic network address. */
  domesticShare: 0.4,
  /** Share of takeovers that deliver within the country, for example to a parcel locker. */
  domesticDeliveryShare: 0.6,
  /** The shop stores the card's data, so the issuer rarely declines the payment. */
  authorisedShare: 0.9,
} as const;

/** Maximum time from the start of an attack to its last payment. */
export const ATTACK_MS_MAX = Math.max(
  CARD_TESTING.attemptsMs.max + CARD_TESTING.purchaseDelayMs.max,
  ACCOUNT_TAKEOVER.lengthMs.max,
);

/** The issuer's response codes, ISO 8583. */
export const CODES = { authorised: "00", noSuchCard: "14", doNotHonour: "05" } as const;
