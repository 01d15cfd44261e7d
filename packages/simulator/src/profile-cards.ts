import { withLuhnDigit } from "@tripline/contracts/identifiers";
import type { Equipment } from "./equip-cards.js";
import { equipCard } from "./equip-cards.js";
import type { TerminalMap } from "./place-terminals.js";
import { homeCoordinate } from "./place-terminals.js";
import { logNormal, STREAM, seedRandom } from "./seed-random.js";

/** The payment behaviour of a card's owner. */
export interface CardProfile {
  readonly number: string;
  /** Median amount in major units at a terminal of price level 1. */
  readonly amountMedian: number;
  readonly paymentsPerDay: number;
  /** Terminals near home, nearest first. */
  readonly nearby: Uint32Array;
  /** The owner's devices; null for a card-present-only card. */
  readonly equipment: Equipment | null;
}

/** Six digits that no real issuer uses. */
const TEST_BIN = "400000";
const CARDS_MAX = 1_000_000_000;
const AMOUNT_MEDIAN = 28;
/** Higher means are limited to this value, so that a day is bounded. */
const PAYMENTS_PER_DAY_MAX = 15;

/** Number of issuing banks, each with its own first 8 digits. */
export const ISSUERS = 10;

/**
 * 16 digits with a valid check digit, unique per seed. The last digit of the account comes first and identifies the
 * issuer, so that consecutive cards have different banks.
 */
export function cardNumber(seed: number, card: number): string {
  const account = String(((seed % CARDS_MAX) + card) % CARDS_MAX).padStart(9, "0");
  return withLuhnDigit(TEST_BIN + account.slice(-1) + account.slice(0, -1));
}

/** The inverse of `cardNumber`: the card's index, which is not below the number of cards if no card has this number. */
export function cardOf(seed: number, number: string): number {
  const account = Number(number.slice(TEST_BIN.length + 1, -1) + number.charAt(TEST_BIN.length));
  return (account - (seed % CARDS_MAX) + CARDS_MAX) % CARDS_MAX;
}

/** `paymentsPerDay` is the average over all cards, which are distributed log-normally around it. */
export function profileCards(seed: number, count: number, paymentsPerDay: number, map: TerminalMap): CardProfile[] {
  const spread = 0.6;
  // The mean of a log-normal is its median times exp(spread² / 2).
  const median = paymentsPerDay / Math.exp(spread ** 2 / 2);
  return Array.from({ length: count }, (_, card) => {
    const random = seedRandom(seed, STREAM.card, card, 0);
    const x = homeCoordinate(random);
    const y = homeCoordinate(random);
    return {
      number: cardNumber(seed, card),
      amountMedian: logNormal(random, AMOUNT_MEDIAN, 0.6),
      paymentsPerDay: Math.min(PAYMENTS_PER_DAY_MAX, logNormal(random, median, spread)),
      nearby: map.nearby(x, y),
      equipment: equipCard(seed, card),
    };
  });
}
