import { ATTACK_MS_MAX } from "./attacks/attack-table.js";
import { takeOverAccount } from "./attacks/take-over-account.js";
import { testCards } from "./attacks/test-cards.js";
import type { Draft, DraftParts, World } from "./draft-payment.js";
import { draftPayment } from "./draft-payment.js";
import type { Origin } from "./equip-cards.js";
import { ownerOrigin, ringOf, thiefOrigin } from "./equip-cards.js";
import { ownerPayers, thiefPayer } from "./name-payers.js";
import { DAY_MS, dayFactor, NO_SEASON, ownerTimeMs, seasonOf, thiefTimeMs } from "./payment-times.js";
import { anywhere, favourite } from "./place-terminals.js";
import type { FraudPlan } from "./plan-frauds.js";
import { ISSUERS } from "./profile-cards.js";
import { below, logNormal, poisson, STREAM, seedRandom } from "./seed-random.js";
import type { TerminalPayment } from "./simulated-payment.js";

export interface DayOptions extends World {
  /** Days since the epoch. */
  readonly day: number;
  readonly plan: FraudPlan;
}

const PAYMENTS_PER_CARD_DAY_MAX = 60;
/** Share of an owner's payments away from home, so that an unknown terminal alone does not prove fraud. */
const AWAY_SHARE = 0.05;
/** Share of fraud among payments at a compromised terminal, because some customers are still charged correctly. */
const COMPROMISED_SHARE = 0.8;
const THIEF_PAYMENTS_PER_DAY = 2;

/** All payments of one day (UTC) in event order. */
export function simulateDay(options: DayOptions): TerminalPayment[] {
  const drafts: Draft[] = [];
  for (let card = 0; card < options.cards.length; card += 1) payAsOwner(options, card, drafts);
  options.plan.stolenCards.forEach((card) => {
    payAsThief(options, card, drafts);
  });
  options.plan.testedCards.forEach((card, burst) => {
    testNumber(options, card, burst, drafts);
  });
  options.plan.testedIssuers.forEach((card, run) => {
    testIssuer(options, card, run, drafts);
  });
  options.plan.cardTestings.forEach((card, run) => {
    drafts.push(...testCards(options, card, run, attackStartMs(options, STREAM.cardTesting, run)));
  });
  options.plan.takenOver.forEach((card, run) => {
    drafts.push(...takeOverAccount(options, card, run, attackStartMs(options, STREAM.takeover, run)));
  });
  drafts.sort((left, right) => left.occurredAtMs - right.occurredAtMs);
  // Numbered after sorting and zero-padded, so that ids keep the order of events.
  const prefix = `sim${options.seed}-${String(options.day).padStart(6, "0")}-`;
  return drafts.map((draft, index) => ({
    clientTransactionId: prefix + String(index).padStart(8, "0"),
    ...draft,
  }));
}

/** Early enough that the attack ends on the same day. */
function attackStartMs({ seed, day }: DayOptions, stream: number, run: number): number {
  return day * DAY_MS + below(seedRandom(seed, stream, -1 - run, day), DAY_MS - ATTACK_MS_MAX);
}

function payAsOwner(options: DayOptions, card: number, drafts: Draft[]): void {
  const profile = options.cards[card];
  if (profile === undefined) return;
  const random = seedRandom(options.seed, STREAM.payments, card, options.day);
  const originOfOwner = originsOfOwner(options, card);
  const payerOf = ownerPayers(options.seed, card, options.day, profile.equipment !== null);
  const season = options.hasSeasons ? seasonOf(options.day) : NO_SEASON;
  const mean = profile.paymentsPerDay * dayFactor(options.day) * season.payments;
  const count = poisson(random, mean, PAYMENTS_PER_CARD_DAY_MAX);
  for (let index = 0; index < count; index += 1) {
    const away = random() < AWAY_SHARE;
    const terminal = away ? anywhere(options.terminals, random) : favourite(profile.nearby, random);
    const amountMajor =
      logNormal(random, profile.amountMedian * season.amounts, 0.5) * options.terminals.priceLevel(terminal);
    const occurredAtMs = ownerTimeMs(options.day, random);
    const hit = options.plan.compromisedTerminals.has(terminal) && random() < COMPROMISED_SHARE;
    const scenario = hit ? "compromised-terminal" : "none";
    const [origin, payer] = [originOfOwner(), payerOf()];
    drafts.push(
      draftPayment(options, profile, { terminal, amountMajor, occurredAtMs, scenario, origin, payer }, random),
    );
  }
}

/**
 * The owner keeps paying. The thief pays several times the typical amount, at terminals that the owner does not use.
 */
function payAsThief(options: DayOptions, card: number, drafts: Draft[]): void {
  const profile = options.cards[card];
  if (profile === undefined) return;
  const random = seedRandom(options.seed, STREAM.thief, card, options.day);
  const count = poisson(random, THIEF_PAYMENTS_PER_DAY, PAYMENTS_PER_CARD_DAY_MAX);
  const fraud = { scenario: "stolen-card", ...byThief(options, card) } as const;
  for (let index = 0; index < count; index += 1) {
    const amountMajor = profile.amountMedian * logNormal(random, 4, 0.5);
    const terminal = anywhere(options.terminals, random);
    const occurredAtMs = thiefTimeMs(options.day, random);
    drafts.push(draftPayment(options, profile, { ...fraud, terminal, amountMajor, occurredAtMs }, random));
  }
}

/** Many small payments at one terminal within minutes, and sometimes a large one if the number works. */
function testNumber(options: DayOptions, card: number, burst: number, drafts: Draft[]): void {
  const profile = options.cards[card];
  if (profile === undefined) return;
  const random = seedRandom(options.seed, STREAM.testing, burst + 1, options.day);
  const lengthMs = (2 + random() * 10) * 60_000;
  const lastStartMs = (options.day + 1) * DAY_MS - lengthMs - 1;
  const startMs = Math.min(thiefTimeMs(options.day, random), Math.floor(lastStartMs));
  const terminal = anywhere(options.terminals, random);
  const count = 5 + below(random, 9);
  const fraud = { scenario: "testing-burst", ...byThief(options, card) } as const;
  for (let index = 0; index < count; index += 1) {
    const occurredAtMs = startMs + Math.floor(random() * lengthMs * 0.9);
    const amountMajor = 0.5 + random() * 3;
    drafts.push(draftPayment(options, profile, { ...fraud, terminal, amountMajor, occurredAtMs }, random));
  }
  if (random() < 0.3) {
    const amountMajor = profile.amountMedian * logNormal(random, 6, 0.4);
    const cashOut = { terminal: anywhere(options.terminals, random), occurredAtMs: startMs + Math.floor(lengthMs) };
    drafts.push(draftPayment(options, profile, { ...fraud, ...cashOut, amountMajor }, random));
  }
}

/**
 * BIN testing: one small payment with each of many numbers of an issuer, at one terminal within minutes, from one
 * device.
 */
function testIssuer(options: DayOptions, first: number, run: number, drafts: Draft[]): void {
  const { seed, day, cards } = options;
  const random = seedRandom(seed, STREAM.binTested, run, day);
  const lengthMs = (3 + random() * 7) * 60_000;
  const lastStartMs = (day + 1) * DAY_MS - lengthMs - 1;
  const startMs = Math.min(thiefTimeMs(day, random), Math.floor(lastStartMs));
  const terminal = anywhere(options.terminals, random);
  const count = 12 + below(random, 14);
  // A ring that is used nowhere else, because it sells the numbers that work.
  const ring = cards.length + run;
  const origin = thiefOrigin(seed, ring, day);
  let tested = 0;
  for (let card = first; card < cards.length && tested < count; card += ISSUERS) {
    const profile = cards[card];
    if (profile?.equipment == null) continue;
    tested += 1;
    const occurredAtMs = startMs + Math.floor(random() * lengthMs);
    const parts = { terminal, amountMajor: 0.5 + random() * 2, occurredAtMs, scenario: "bin-testing" } as const;
    const payer = thiefPayer(seed, card, ring, day, true);
    drafts.push(draftPayment(options, profile, { ...parts, origin, payer }, random));
  }
}

/** The origins of an owner's payments on this day, one per call, from separate random numbers. */
function originsOfOwner({ seed, day, cards }: DayOptions, card: number): () => Origin | null {
  const equipment = cards[card]?.equipment ?? null;
  if (equipment === null) return () => null;
  const random = seedRandom(seed, STREAM.origin, card, day);
  return () => ownerOrigin(seed, equipment, cards.length, random);
}

function byThief({ seed, day, cards }: DayOptions, card: number): Pick<DraftParts, "origin" | "payer"> {
  const ring = ringOf(seed, card, cards.length);
  const isOnline = cards[card]?.equipment !== null;
  const origin = isOnline ? thiefOrigin(seed, ring, day) : null;
  return { origin, payer: thiefPayer(seed, card, ring, day, isOnline) };
}
