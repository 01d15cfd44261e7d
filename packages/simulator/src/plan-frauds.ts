import { below, poisson, STREAM, seedRandom } from "./seed-random.js";

/**
 * Rates of new fraud. With the defaults, about 0.8 % of payments are fraud, and there are no attacks of `attacks/`.
 */
export interface FraudRates {
  /** Newly compromised terminals per 1,000 terminals per day. */
  readonly compromisedTerminals: number;
  /** Newly stolen card numbers per 1,000 cards per day. */
  readonly stolenCards: number;
  /** Bursts of small payments that test a card number, per 1,000 cards per day. */
  readonly testingBursts: number;
  /** BIN testing runs, each of which tries many numbers of one issuer at one terminal, per 1,000 cards per day. */
  readonly binTestings: number;
  /** Card-testing attacks, each of which tries many numbers of one BIN, per 1,000 cards per day. */
  readonly cardTestings: number;
  /** Accounts taken over, per 1,000 cards per day. */
  readonly accountTakeovers: number;
}

export const DEFAULT_FRAUD_RATES: FraudRates = {
  compromisedTerminals: 0.3,
  stolenCards: 0.6,
  testingBursts: 0.45,
  binTestings: 0.05,
  cardTestings: 0,
  accountTakeovers: 0,
};

const COMPROMISE_DAYS = { min: 3, max: 21 };
const THEFT_DAYS = { min: 2, max: 9 };
/** Starts per day are limited to this share of all cards or terminals, so that a day is bounded at any rate. */
const STARTS_SHARE_MAX = 0.1;

/** Compromised terminals and cards of a day. */
export interface FraudPlan {
  readonly compromisedTerminals: ReadonlySet<number>;
  readonly stolenCards: readonly number[];
  /** Cards tested on this day, one entry per burst. */
  readonly testedCards: readonly number[];
  /** For each BIN testing run of this day, a card of the issuer whose numbers it tests. */
  readonly testedIssuers: readonly number[];
  /** For each card-testing attack of this day, a card of the BIN that it uses. */
  readonly cardTestings: readonly number[];
  /** Cards whose owners' accounts are taken over on this day. */
  readonly takenOver: readonly number[];
}

/** The fraud of one day: frauds that start on this day, and earlier frauds that are still active. */
export function planFrauds(seed: number, day: number, cards: number, terminals: number, rates: FraudRates): FraudPlan {
  const lasting = (stream: number, count: number, rate: number, days: { min: number; max: number }): Set<number> => {
    const found = new Set<number>();
    for (let age = 0; age < days.max; age += 1) {
      for (const start of starts(seed, stream, day - age, count, rate, days)) {
        if (age < start.lastsDays) found.add(start.entity);
      }
    }
    return found;
  };
  const today = (stream: number, rate: number): number[] =>
    starts(seed, stream, day, cards, rate, { min: 1, max: 1 }).map((start) => start.entity);
  return {
    compromisedTerminals: lasting(STREAM.compromise, terminals, rates.compromisedTerminals, COMPROMISE_DAYS),
    stolenCards: [...lasting(STREAM.theft, cards, rates.stolenCards, THEFT_DAYS)],
    testedCards: today(STREAM.testing, rates.testingBursts),
    testedIssuers: today(STREAM.binTesting, rates.binTestings),
    cardTestings: today(STREAM.cardTesting, rates.cardTestings),
    takenOver: today(STREAM.takeover, rates.accountTakeovers),
  };
}

function starts(
  seed: number,
  stream: number,
  day: number,
  count: number,
  ratePerThousand: number,
  days: { min: number; max: number },
): { entity: number; lastsDays: number }[] {
  const random = seedRandom(seed, stream, 0, day);
  const max = Math.ceil(count * STARTS_SHARE_MAX);
  // Knuth's method needs small means; a sum of Poisson numbers is Poisson.
  let total = 0;
  for (let rest = (count * ratePerThousand) / 1000; rest > 0; rest -= 20) {
    total += poisson(random, Math.min(rest, 20), 100);
  }
  return Array.from({ length: Math.min(total, max) }, () => ({
    entity: below(random, count),
    lastsDays: days.min + below(random, days.max - days.min + 1),
  }));
}
