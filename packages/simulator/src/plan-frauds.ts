import { below, poisson, STREAM, seedRandom } from "./seed-random.js";

/** How often fraud begins. The defaults together make about 0.8 % of payments fraud. */
export interface FraudRates {
  /** Terminals that are compromised, per 1,000 terminals and day. */
  readonly compromisedTerminals: number;
  /** Cards whose number is stolen, per 1,000 cards and day. */
  readonly stolenCards: number;
  /** Bursts of small payments that try whether a number works, per 1,000 cards and day. */
  readonly testingBursts: number;
  /** Runs through many numbers of one issuer at one terminal, per 1,000 cards and day. */
  readonly binTestings: number;
}

export const DEFAULT_FRAUD_RATES: FraudRates = {
  compromisedTerminals: 0.3,
  stolenCards: 0.6,
  testingBursts: 0.45,
  binTestings: 0.05,
};

const COMPROMISE_DAYS = { min: 3, max: 21 };
const THEFT_DAYS = { min: 2, max: 9 };
/** Starts per day are cut to this share of all, so that a day stays bounded whatever the rates. */
const STARTS_SHARE_MAX = 0.1;

/** Which terminals and cards are compromised on a day. */
export interface FraudPlan {
  readonly compromisedTerminals: ReadonlySet<number>;
  readonly stolenCards: readonly number[];
  /** Cards that are tested on this day, one entry for each burst. */
  readonly testedCards: readonly number[];
  /** A card of the issuer whose numbers are tested on this day, one entry for each run. */
  readonly testedIssuers: readonly number[];
}

/** The plan of one day, from the starts of that day and of those before it that still last. */
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
  // Knuth's method wants small means; a sum of Poisson numbers is Poisson.
  let total = 0;
  for (let rest = (count * ratePerThousand) / 1000; rest > 0; rest -= 20) {
    total += poisson(random, Math.min(rest, 20), 100);
  }
  return Array.from({ length: Math.min(total, max) }, () => ({
    entity: below(random, count),
    lastsDays: days.min + below(random, days.max - days.min + 1),
  }));
}
