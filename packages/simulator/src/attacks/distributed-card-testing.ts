import { binOf, withLuhnDigit } from "@tripline/contracts/identifiers";
import type { Draft, DraftParts, World } from "../draft-payment.js";
import { draftPayment } from "../draft-payment.js";
import { deviceId, foreignAddress } from "../equip-cards.js";
import { emailOf, FAR, HOME, issuerCountry, oneOf } from "../name-payers.js";
import { dayOf, HOUR_MS } from "../payment-times.js";
import { anywhere } from "../place-terminals.js";
import { cardOf } from "../profile-cards.js";
import type { Random } from "../seed-random.js";
import { below, logNormal, seedRandom } from "../seed-random.js";
import { CODES } from "./attack-table.js";
import { between, countBetween, issuerCode } from "./draw.js";

/*
 * "E" marks an estimate: an order of magnitude from practice without a published figure. The attack combines carding
 * (OAT-001) and card cracking (OAT-010) of the OWASP Automated Threats handbook.
 */
const DISTRIBUTED_TESTING = {
  stream: 101, // Outside `STREAM`, so that no existing random numbers change.
  devices: { min: 5, max: 9 }, // E: a small farm of rented browser profiles.
  attemptsMs: { min: 14 * HOUR_MS, max: 30 * HOUR_MS }, // E: enough for about 80 to 330 attempts at this pace.
  gapMs: { min: 0.4 * HOUR_MS, max: 1.25 * HOUR_MS }, // E, per device: shops often allow 3 to 5 attempts per hour.
  prices: [1, 1.5, 1.99, 2.99, 4.99, 5, 6.5, 7.99, 9.99, 12], // Donations and downloads, as processors' guides warn.
  shops: { min: 18, max: 36 }, // E: card schemes and acquirers monitor the decline rate per merchant.
  attemptsPerEmail: { min: 2, max: 4 }, // E: mailboxes cost little, and shops limit attempts per address.
  addressKeptShare: 0.6, // E, from attempt to attempt: residential proxies keep an address for minutes to hours.
  domesticShare: 0.7, // E: proxies are sold by country, and the cardholder's passes address checks.
  bins: 2, // E: issuers often own consecutive ranges, and each of two ranges sees fewer attempts.
  firstBinShare: 0.65, // E: one range is the known good source, and the neighbouring one extends it.
  issuedShare: 0.4, // E: numbers near known valid ones are more often issued than random ones.
  authorisedShare: 0.35, // E: the expiry date is guessed, and many issuers also check the code.
  retryShare: 0.12, // E: the oldest declined number is tried once more with another expiry date or code.
  usedShare: 0.6, // E: the other working cards are kept or sold later.
  purchasesPerCard: { min: 1, max: 3 }, // E: few, so that the cardholder does not notice at once.
  purchaseDelayMs: { min: 3 * HOUR_MS, max: 18 * HOUR_MS }, // E, after the attempt: leaves short velocity windows.
  purchaseGapMs: { min: HOUR_MS, max: 7 * HOUR_MS }, // E, per card: the issuer sees no burst.
  purchaseAmount: { median: 85, spread: 0.6 }, // E: gift cards and resaleable goods, below common review limits.
  sameDeviceShare: 0.4, // E: tested numbers are traded, so most purchases come from other devices.
  buyers: { min: 3, max: 6 }, // E: each buyer has a device and uses several cards.
  purchaseAuthorisedShare: 0.75, // E: the issuer authorised a small amount, but may have blocked the card since.
  accounts: 10_000_000, // 7 digits between the 8 of the BIN (ISO/IEC 7812 since 2017) and the check digit.
} as const;

const TABLE = DISTRIBUTED_TESTING;

/** Maximum time from the start to the last payment. It is longer than one day. */
export const DISTRIBUTED_TESTING_MS_MAX =
  TABLE.attemptsMs.max + TABLE.purchaseDelayMs.max + (TABLE.purchasesPerCard.max - 1) * TABLE.purchaseGapMs.max;

type Identity = (cardCountry: string) => Pick<DraftParts, "scenario" | "origin" | "payer">;
type Range = { readonly bin: string; readonly country: string; readonly issued: string[] };
type Tested = { readonly number: string; readonly range: Range };

/**
 * Slow card testing over several devices and two neighbouring BINs, with purchases in between, in no particular order.
 *
 * @param first a card of the first BIN
 * @param run distinguishes attacks on the same day
 */
export function testCardsSlowly(world: World, first: number, run: number, startMs: number): Draft[] {
  const random = seedRandom(world.seed, TABLE.stream, run + 1, dayOf(startMs));
  const [own, next = own] = rangesOf(world, first);
  if (own === undefined || next === undefined) return [];
  const shops = Array.from({ length: countBetween(TABLE.shops, random) }, () => anywhere(world.terminals, random));
  const buyers = Array.from({ length: countBetween(TABLE.buyers, random) }, () => identity(random));
  const [drafts, declined]: [Draft[], Tested[]] = [[], []];
  for (const { atMs, device } of attemptTimes(startMs, random)) {
    const again = random() < TABLE.retryShare ? declined.shift() : undefined;
    const range = random() < TABLE.firstBinShare ? own : next;
    const at = below(random, range.issued.length);
    const issued = again?.number ?? (random() < TABLE.issuedShare ? range.issued.splice(at, 1)[0] : undefined);
    const card = again ?? { number: issued ?? unissued(world, range.bin, random), range };
    const code = issued === undefined ? CODES.noSuchCard : issuerCode(TABLE.authorisedShare, random);
    const where = { terminal: shops[below(random, shops.length)] ?? 0, occurredAtMs: atMs };
    const amountMajor = oneOf(TABLE.prices, random);
    const attack = { attackStep: "attempt", issuerCode: code } as const;
    const parts = { ...where, ...device(card.range.country), amountMajor, attack };
    drafts.push(draftPayment(world, card, parts, random));
    if (code === CODES.doNotHonour && again === undefined) declined.push(card);
    if (code !== CODES.authorised || random() >= TABLE.usedShare) continue;
    const buyer = random() < TABLE.sameDeviceShare ? device : (buyers[below(random, buyers.length)] ?? device);
    drafts.push(...purchases(world, card, atMs, buyer, random));
  }
  return drafts;
}

/** Attempts of all devices in order of time, each device at its own pace. */
function attemptTimes(startMs: number, random: Random): { atMs: number; device: Identity }[] {
  const endMs = startMs + between(TABLE.attemptsMs, random);
  const times: { atMs: number; device: Identity }[] = [];
  for (let left = countBetween(TABLE.devices, random); left > 0; left -= 1) {
    const device = identity(random);
    let atMs = startMs + random() * TABLE.gapMs.max;
    for (; atMs < endMs; atMs += between(TABLE.gapMs, random)) times.push({ atMs: Math.floor(atMs), device });
  }
  return times.sort((one, other) => one.atMs - other.atMs);
}

/** One device that changes its e-mail address and network address. */
function identity(random: Random): Identity {
  const device = deviceId(random);
  const ipCountry = random() < TABLE.domesticShare ? HOME : oneOf(FAR, random);
  let [email, emailUses, ipAddress] = ["", 0, foreignAddress(random)];
  return (cardCountry) => {
    if (emailUses === 0) [email, emailUses] = [emailOf(random), countBetween(TABLE.attemptsPerEmail, random)];
    if (random() >= TABLE.addressKeptShare) ipAddress = foreignAddress(random);
    emailUses -= 1;
    const payer = { email, cardCountry, ipCountry };
    return { scenario: "card-testing", origin: { deviceId: device, ipAddress }, payer };
  };
}

/** Larger payments with a card that worked, until the issuer declines one. */
function purchases(world: World, card: Tested, workedMs: number, buyer: Identity, random: Random): Draft[] {
  const drafts: Draft[] = [];
  let atMs = workedMs + between(TABLE.purchaseDelayMs, random);
  for (let left = countBetween(TABLE.purchasesPerCard, random); left > 0; left -= 1) {
    const code = issuerCode(TABLE.purchaseAuthorisedShare, random);
    const amountMajor = logNormal(random, TABLE.purchaseAmount.median, TABLE.purchaseAmount.spread);
    const where = { terminal: anywhere(world.terminals, random), occurredAtMs: Math.floor(atMs) };
    const attack = { attackStep: "purchase", issuerCode: code } as const;
    const parts = { ...where, ...buyer(card.range.country), amountMajor, attack };
    drafts.push(draftPayment(world, card, parts, random));
    if (code !== CODES.authorised) break;
    atMs += between(TABLE.purchaseGapMs, random);
  }
  return drafts;
}

/** The first card's BIN and the numerically nearest ones, with the card numbers whose owners pay online. */
function rangesOf({ seed, cards }: World, first: number): Range[] {
  const numbers = cards.filter(({ equipment }) => equipment !== null).map(({ number }) => number);
  const distance = (bin: string): number => Math.abs(Number(bin) - Number(binOf(cards[first]?.number ?? "")));
  const bins = [...new Set(numbers.map(binOf))].sort((one, other) => distance(one) - distance(other));
  return bins.slice(0, TABLE.bins).map((bin) => {
    const issued = numbers.filter((number) => binOf(number) === bin);
    return { bin, country: issuerCountry(seed, cardOf(seed, issued[0] ?? "")), issued };
  });
}

/** A number of the BIN with a valid check digit that no card has. */
function unissued({ seed, cards }: World, bin: string, random: Random): string {
  for (;;) {
    const number = withLuhnDigit(bin + String(TABLE.accounts + below(random, TABLE.accounts)).slice(1));
    if (cardOf(seed, number) >= cards.length) return number;
  }
}
