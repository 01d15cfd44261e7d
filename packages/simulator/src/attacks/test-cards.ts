import { binOf, withLuhnDigit } from "@tripline/contracts/identifiers";
import type { Draft, DraftParts, World } from "../draft-payment.js";
import { draftPayment } from "../draft-payment.js";
import type { Origin } from "../equip-cards.js";
import { deviceId, foreignAddress } from "../equip-cards.js";
import type { Payer } from "../name-payers.js";
import { thiefPayer } from "../name-payers.js";
import { dayOf } from "../payment-times.js";
import { anywhere } from "../place-terminals.js";
import { cardOf, ISSUERS } from "../profile-cards.js";
import type { Random } from "../seed-random.js";
import { below, logNormal, STREAM, seedRandom } from "../seed-random.js";
import { CARD_TESTING, CODES } from "./attack-table.js";
import { between, countBetween, issuerCode } from "./draw.js";

const BIN_DIGITS = 8;
const DIGITS_BEFORE_CHECK = 15;
/** Attackers' rings are numbered from here; other callers of `thiefPayer` use lower numbers. */
const FIRST_RING = 2 ** 30;

/**
 * A card-testing attack that starts at `startMs`.
 *
 * @param first a card of the BIN
 * @param run distinguishes attacks on the same day
 * @returns attempts and purchases, in no particular order
 */
export function testCards(world: World, first: number, run: number, startMs: number): Draft[] {
  const random = seedRandom(world.seed, STREAM.cardTesting, run + 1, dayOf(startMs));
  const attacker = attackerOf(world, first, run, startMs, random);
  const lengthMs = between(CARD_TESTING.attemptsMs, random);
  const count = countBetween(CARD_TESTING.attempts, random);
  const shops = Array.from({ length: countBetween(CARD_TESTING.terminals, random) }, () =>
    anywhere(world.terminals, random),
  );
  const issued = issuedCards(world, first);
  const [drafts, worked]: [Draft[], string[]] = [[], []];
  const tested = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const takesIssued = issued.length > 0 && random() < CARD_TESTING.issuedShare;
    const number = takesIssued ? takeOne(issued, random) : unissuedNumber(world, first, tested, random);
    tested.add(number);
    const code = takesIssued ? issuerCode(CARD_TESTING.authorisedShare, random) : CODES.noSuchCard;
    if (code === CODES.authorised) worked.push(number);
    const parts: DraftParts = {
      terminal: shops[index % shops.length] ?? 0,
      amountMajor: between(CARD_TESTING.attemptAmount, random),
      occurredAtMs: startMs + Math.floor((lengthMs * (index + random())) / count),
      scenario: "card-testing",
      origin: attacker.origin(),
      payer: attacker.payer(Math.floor(index / CARD_TESTING.attemptsPerEmail)),
      attack: { attackStep: "attempt", issuerCode: code },
    };
    drafts.push(draftPayment(world, { number }, parts, random));
  }
  const endMs = startMs + lengthMs;
  for (const number of worked) {
    if (random() >= CARD_TESTING.purchaseShare) continue;
    const purchases = countBetween(CARD_TESTING.purchasesPerCard, random);
    const isSameDevice = random() < CARD_TESTING.sameDeviceShare;
    const buyer = isSameDevice ? attacker : attackerOf(world, first, run + cardOf(world.seed, number), startMs, random);
    for (let index = 0; index < purchases; index += 1) {
      drafts.push(purchase(world, number, endMs, buyer, random));
    }
  }
  return drafts;
}

interface Attacker {
  origin(): Origin;
  /** @param index of the numbered e-mail address */
  payer(index: number): Payer;
}

/** One device, some addresses of one network, and numbered e-mail addresses. */
function attackerOf(world: World, first: number, run: number, startMs: number, random: Random): Attacker {
  const device = deviceId(random);
  const network = foreignAddress(random).replace(/\d+$/, "");
  const hosts = Array.from({ length: countBetween(CARD_TESTING.addresses, random) }, () => 1 + below(random, 254));
  const name = below(random, 36 ** 5).toString(36);
  const payer = thiefPayer(world.seed, first, FIRST_RING + run, dayOf(startMs), true);
  return {
    origin: () => ({ deviceId: device, ipAddress: `${network}${hosts[below(random, hosts.length)]}` }),
    payer: (index) => ({ ...payer, email: `shop-${name}-${index + 1}@example.net` }),
  };
}

function purchase(world: World, number: string, endMs: number, buyer: Attacker, random: Random): Draft {
  const { median, spread } = CARD_TESTING.purchaseAmount;
  const parts: DraftParts = {
    terminal: anywhere(world.terminals, random),
    amountMajor: logNormal(random, median, spread),
    occurredAtMs: Math.floor(endMs + between(CARD_TESTING.purchaseDelayMs, random)),
    scenario: "card-testing",
    origin: buyer.origin(),
    payer: buyer.payer(0),
    attack: { attackStep: "purchase", issuerCode: issuerCode(CARD_TESTING.purchaseAuthorisedShare, random) },
  };
  return draftPayment(world, { number }, parts, random);
}

/** Numbers of the BIN whose owners pay online. */
function issuedCards({ cards }: World, first: number): string[] {
  const bin = binOf(cards[first]?.number ?? "");
  const numbers: string[] = [];
  for (let card = first % ISSUERS; card < cards.length; card += ISSUERS) {
    const profile = cards[card];
    if (profile?.equipment != null && binOf(profile.number) === bin) numbers.push(profile.number);
  }
  return numbers;
}

/** Removes a number in constant time. */
function takeOne(numbers: string[], random: Random): string {
  const at = below(random, numbers.length);
  const [taken, last] = [numbers[at] ?? "", numbers.pop() ?? ""];
  if (at < numbers.length) numbers[at] = last;
  return taken;
}

/** An untested number of the BIN with a valid check digit that no card has. */
function unissuedNumber(world: World, first: number, tested: ReadonlySet<string>, random: Random): string {
  const bin = binOf(world.cards[first]?.number ?? "");
  const digits = DIGITS_BEFORE_CHECK - BIN_DIGITS;
  for (;;) {
    const number = withLuhnDigit(bin + String(below(random, 10 ** digits)).padStart(digits, "0"));
    if (cardOf(world.seed, number) >= world.cards.length && !tested.has(number)) return number;
  }
}
