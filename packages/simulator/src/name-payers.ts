import { ISSUERS } from "./profile-cards.js";
import type { Random } from "./seed-random.js";
import { below, STREAM, seedRandom } from "./seed-random.js";

/*
 * Payers and countries: e-mail addresses, issuers, merchants and network addresses. They use separate random streams,
 * so that adding them did not change the payments of a seed.
 */

export const HOME = "BE";
/** One of ten banks is foreign but issues cards to domestic customers, so a foreign card alone does not prove fraud. */
const FOREIGN_ISSUER = 9;
const FOREIGN_ISSUER_COUNTRY = "DE";
/** Foreign merchants, where owners also pay. */
const FOREIGN_MERCHANT_SHARE = 0.04;
export const NEIGHBOURS = ["FR", "NL", "DE", "LU"] as const;
/** Countries of thieves' addresses, unless they use a domestic one. */
export const FAR = ["US", "BR", "ZA", "TH", "AU", "MX"] as const;
const THIEF_AT_HOME_SHARE = 0.4;
/** Share of payments from an owner's device with a foreign address: travellers. */
const TRAVEL_SHARE = 0.01;
/** Share of payments from a device with an e-mail address, because not every shop requires one. */
const EMAIL_SHARE = 0.7;
const RING_DAYS = 7;

/** The payer's details in a payment. */
export interface Payer {
  readonly email: string | null;
  readonly cardCountry: string;
  readonly ipCountry: string | null;
}

/**
 * Owners use their own e-mail address and are rarely abroad.
 *
 * @returns a function that returns the payer of each payment
 */
export function ownerPayers(seed: number, card: number, day: number, isOnline: boolean): () => Payer {
  const cardCountry = issuerCountry(seed, card);
  if (!isOnline) return () => ({ email: null, cardCountry, ipCountry: null });
  const email = ownerEmail(seed, card);
  const random = seedRandom(seed, STREAM.payer, card, day);
  return () => ({
    email: random() < EMAIL_SHARE ? email : null,
    cardCountry,
    ipCountry: random() < TRAVEL_SHARE ? oneOf(NEIGHBOURS, random) : HOME,
  });
}

export function ownerEmail(seed: number, card: number): string {
  return emailOf(seedRandom(seed, STREAM.payer, card, 0));
}

/**
 * A fraud ring uses the same e-mail address for all its cards within a week. The ring is abroad, or appears to be
 * domestic.
 *
 * @param ring its number, or the number of a BIN testing run
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

export function issuerCountry(seed: number, card: number): string {
  return ((seed % ISSUERS) + card) % ISSUERS === FOREIGN_ISSUER ? FOREIGN_ISSUER_COUNTRY : HOME;
}

/** In a domain reserved for examples (RFC 2606). */
export function emailOf(random: Random): string {
  return `payer-${below(random, 2 ** 32).toString(36)}${below(random, 2 ** 32).toString(36)}@example.com`;
}

export function oneOf<T>(values: readonly [T, ...T[]], random: Random): T {
  return values[below(random, values.length)] ?? values[0];
}
