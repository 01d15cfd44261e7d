import { ISSUERS } from "./profile-cards.js";
import type { Random } from "./seed-random.js";
import { below, STREAM, seedRandom } from "./seed-random.js";

/*
 * Who pays, and in which countries: e-mail addresses, issuers, merchants and network addresses. All of it has streams of its
 * own, so that a seed has the payments that it had before there were any.
 */

const HOME = "BE";
/** One bank of ten is a foreign one whose cards people have at home, so that a foreign card alone does not prove fraud. */
const FOREIGN_ISSUER = 9;
const FOREIGN_ISSUER_COUNTRY = "DE";
/** Merchants across the border, where owners pay too. */
const FOREIGN_MERCHANT_SHARE = 0.04;
const NEIGHBOURS = ["FR", "NL", "DE", "LU"] as const;
/** Where thieves' addresses are, unless they hide behind one at home. */
const FAR = ["US", "BR", "ZA", "TH", "AU", "MX"] as const;
const THIEF_AT_HOME_SHARE = 0.4;
/** Share of the payments from an owner's device whose address is abroad: travellers. */
const TRAVEL_SHARE = 0.01;
/** Share of payments from a device that name an e-mail address: not every shop asks for one. */
const EMAIL_SHARE = 0.7;
const RING_DAYS = 7;

/** Who pays, as far as a payment says so. */
export interface Payer {
  readonly email: string | null;
  readonly cardCountry: string;
  readonly ipCountry: string | null;
}

/** The owner's own address; from home, or rarely from abroad. @returns a function that gives the payers of a day's payments */
export function ownerPayers(seed: number, card: number, day: number, isOnline: boolean): () => Payer {
  const cardCountry = issuerCountry(seed, card);
  if (!isOnline) return () => ({ email: null, cardCountry, ipCountry: null });
  const email = emailOf(seedRandom(seed, STREAM.payer, card, 0));
  const random = seedRandom(seed, STREAM.payer, card, day);
  return () => ({
    email: random() < EMAIL_SHARE ? email : null,
    cardCountry,
    ipCountry: random() < TRAVEL_SHARE ? oneOf(NEIGHBOURS, random) : HOME,
  });
}

/**
 * A ring of thieves has one address for all the cards of a week, and is far away or seems to be at home.
 *
 * @param ring its number, or one of a run through an issuer's numbers
 */
export function thiefPayer(seed: number, card: number, ring: number, day: number, isOnline: boolean): Payer {
  const cardCountry = issuerCountry(seed, card);
  if (!isOnline) return { email: null, cardCountry, ipCountry: null };
  const random = seedRandom(seed, STREAM.ringPayer, ring, Math.floor(day / RING_DAYS));
  const email = emailOf(random);
  const ipCountry = random() < THIEF_AT_HOME_SHARE ? HOME : oneOf(FAR, random);
  return { email, cardCountry, ipCountry };
}

export function merchantCountry(seed: number, terminal: number): string {
  const random = seedRandom(seed, STREAM.merchant, terminal, 0);
  return random() < FOREIGN_MERCHANT_SHARE ? oneOf(NEIGHBOURS, random) : HOME;
}

function issuerCountry(seed: number, card: number): string {
  return ((seed % ISSUERS) + card) % ISSUERS === FOREIGN_ISSUER ? FOREIGN_ISSUER_COUNTRY : HOME;
}

/** Of a domain that is reserved for examples (RFC 2606). */
function emailOf(random: Random): string {
  return `payer-${below(random, 2 ** 32).toString(36)}${below(random, 2 ** 32).toString(36)}@example.com`;
}

function oneOf<T>(values: readonly [T, ...T[]], random: Random): T {
  return values[below(random, values.length)] ?? values[0];
}
