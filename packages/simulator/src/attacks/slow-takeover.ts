import { openAccountOf, ownerOf } from "../describe/owner-details.js";
import type { Draft, DraftParts, World } from "../draft-payment.js";
import { draftPayment } from "../draft-payment.js";
import { deviceId, foreignAddress } from "../equip-cards.js";
import { emailOf, FAR, HOME, issuerCountry, oneOf, ownerEmail } from "../name-payers.js";
import { DAY_MS, dayOf, HOUR_MS } from "../payment-times.js";
import { anywhere, favourite } from "../place-terminals.js";
import type { CardProfile } from "../profile-cards.js";
import type { Random } from "../seed-random.js";
import { logNormal, seedRandom } from "../seed-random.js";
import { CODES } from "./attack-table.js";
import { between, countBetween, issuerCode } from "./draw.js";

/*
 * "E" marks an estimate: an order of magnitude from practice without a published figure. The order of the steps (log in
 * from a new device, change contact data, wait, spend) is the usual one in guides on account takeover.
 */
const SLOW_TAKEOVER = {
  stream: 102, // Outside `STREAM`, so that no existing random numbers change.
  firstPaymentShare: 0.7, // E: the other thieves only log in from the new device, and pay after the e-mail change.
  emailDelayMs: { min: 3 * HOUR_MS, max: 20 * HOUR_MS }, // E: shops distrust two changes in one session.
  emailChangedShare: 0.85, // E: the other thieves filter the owner's mailbox, so that no notice is read.
  lookalikeShare: 0.5, // E: an address with the owner's name passes a name check.
  lookalikeSuffix: { min: 1, max: 99 }, // Digits after the name are common in genuine addresses.
  waitMs: { min: 24 * HOUR_MS, max: 52 * HOUR_MS }, // E: shops often restrict accounts for 24 or 48 hours.
  waitPayments: { min: 1, max: 2 }, // E: one ordinary order shows that the account works and gives the device history.
  smallFactor: { median: 0.6, spread: 0.35 }, // E, of the owner's typical amount: an order that nobody questions.
  purchases: { min: 3, max: 7 }, // E: few, because most owners notice within a week.
  purchaseGapMs: { min: 4 * HOUR_MS, max: 22 * HOUR_MS }, // E: one to three orders per day, like a busy customer.
  firstFactor: { median: 1.1, spread: 0.2 }, // E: starts at the owner's typical amount, so that no step is large.
  growth: { min: 1.2, max: 1.7 }, // E, per authorised purchase: the thief looks for the limit in steps.
  declinedFactor: 0.6, // E: after a decline, thieves usually try a smaller amount.
  factorMax: 9, // E: above this, most shops ask for another check.
  knownShopShare: 0.9, // E: shops with a stored card ask for no code. The rest are resale shops.
  domesticShare: 0.8, // E: residential proxies of the owner's country are cheap.
  addressKeptShare: 0.35, // E: a proxy session rarely lasts for more than a few hours.
  wakingMs: 7 * HOUR_MS, // E: a careful thief does not order at night. Night is from 0:00 to 7:00 UTC.
  smallAuthorisedShare: 0.97, // E: close to the issuers' usual rate for stored cards.
  authorisedShare: 0.9, // E: lower, because issuers also see that the amounts grow.
} as const;

const TABLE = SLOW_TAKEOVER;
/** Maximum number of payments. Before each payment, the thief may wait until morning. */
const PAYMENTS_MAX = 1 + TABLE.waitPayments.max + TABLE.purchases.max;

/** Maximum time from the start to the last payment. It is longer than one day. */
export const SLOW_TAKEOVER_MS_MAX =
  TABLE.emailDelayMs.max +
  TABLE.waitMs.max +
  TABLE.purchases.max * TABLE.purchaseGapMs.max +
  PAYMENTS_MAX * TABLE.wakingMs;

type Session = (email: string) => Pick<DraftParts, "origin" | "payer">;

/**
 * A takeover of the account of a card's owner that starts at `startMs` and lasts for several days; empty if the owner
 * has no account.
 *
 * @param run distinguishes attacks on the same day
 * @returns small payments (step `attempt`) and growing ones (step `purchase`), in no particular order
 */
export function takeOverSlowly(world: World, card: number, run: number, startMs: number): Draft[] {
  const profile = world.cards[card];
  if (profile?.equipment == null || openAccountOf(ownerOf(world.seed, card), dayOf(startMs)) === null) return [];
  const random = seedRandom(world.seed, TABLE.stream, run + 1, dayOf(startMs));
  const session = sessions(issuerCountry(world.seed, card), random);
  const oldEmail = ownerEmail(world.seed, card);
  const email = random() < TABLE.emailChangedShare ? newEmail(oldEmail, random) : oldEmail;
  const drafts: Draft[] = [];

  const pay = (atMs: number, factor: number, step: "attempt" | "purchase", address: string): string => {
    const terminal = shop(world, profile, random);
    const share = step === "attempt" ? TABLE.smallAuthorisedShare : TABLE.authorisedShare;
    const attack = { attackStep: step, issuerCode: issuerCode(share, random) };
    const amountMajor = profile.amountMedian * factor * world.terminals.priceLevel(terminal);
    const what = { terminal, amountMajor, occurredAtMs: Math.floor(atMs), scenario: "account-takeover" } as const;
    drafts.push(draftPayment(world, profile, { ...what, ...session(address), attack }, random));
    return attack.issuerCode;
  };

  const firstMs = awake(startMs);
  if (random() < TABLE.firstPaymentShare) pay(firstMs, smallFactor(random), "attempt", oldEmail);
  const changedMs = firstMs + between(TABLE.emailDelayMs, random);
  const waitMs = between(TABLE.waitMs, random);
  const small = countBetween(TABLE.waitPayments, random);
  for (let index = 0; index < small; index += 1) {
    // Divides the wait into one interval per payment, and a last interval without payments.
    pay(awake(changedMs + (waitMs * (index + random())) / (small + 1)), smallFactor(random), "attempt", email);
  }
  spend(changedMs + waitMs, random, (atMs, factor) => pay(atMs, factor, "purchase", email));
  return drafts;
}

/** Amounts grow from purchase to purchase, and fall after a decline. @param pay returns the issuer's response */
function spend(startMs: number, random: Random, pay: (atMs: number, factor: number) => string): void {
  const count = countBetween(TABLE.purchases, random);
  let atMs = awake(startMs);
  let factor = logNormal(random, TABLE.firstFactor.median, TABLE.firstFactor.spread);
  for (let index = 0; index < count; index += 1) {
    const isAuthorised = pay(atMs, factor) === CODES.authorised;
    factor = Math.min(factor * (isAuthorised ? between(TABLE.growth, random) : TABLE.declinedFactor), TABLE.factorMax);
    atMs = awake(atMs + between(TABLE.purchaseGapMs, random));
  }
}

/** The thief's device, behind network addresses that change between payments. */
function sessions(cardCountry: string, random: Random): Session {
  const device = deviceId(random);
  const ipCountry = random() < TABLE.domesticShare ? HOME : oneOf(FAR, random);
  let ipAddress = foreignAddress(random);
  return (email) => {
    if (random() >= TABLE.addressKeptShare) ipAddress = foreignAddress(random);
    return { origin: { deviceId: device, ipAddress }, payer: { email, cardCountry, ipCountry } };
  };
}

/** The owner's address with a number after the name, or an unrelated address. */
function newEmail(oldEmail: string, random: Random): string {
  const unrelated = emailOf(random);
  const suffix = countBetween(TABLE.lookalikeSuffix, random);
  return random() < TABLE.lookalikeShare ? oldEmail.replace("@", `${suffix}@`) : unrelated;
}

/** One of the shops that the owner uses, or sometimes any shop. */
function shop({ terminals }: World, { nearby }: CardProfile, random: Random): number {
  return random() < TABLE.knownShopShare ? favourite(nearby, random) : anywhere(terminals, random);
}

function smallFactor(random: Random): number {
  return logNormal(random, TABLE.smallFactor.median, TABLE.smallFactor.spread);
}

/** Postpones a time at night until the morning. */
function awake(atMs: number): number {
  const ofDayMs = atMs - dayOf(atMs) * DAY_MS;
  return ofDayMs < TABLE.wakingMs ? atMs + TABLE.wakingMs : atMs;
}
