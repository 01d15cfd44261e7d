import { currencyDecimals } from "@tripline/contracts/currency";
import type { SimulationOptions } from "../create-simulation.js";
import { createSimulation } from "../create-simulation.js";
import { DAY_MS } from "../payment-times.js";
import { cardNumber, cardOf } from "../profile-cards.js";
import type { Random } from "../seed-random.js";
import { logNormal, STREAM, seedRandom } from "../seed-random.js";
import type { Scenario, SimulatedPayment } from "../simulated-payment.js";
import {
  ABANDONED,
  INCUMBENT_AMOUNT_MAX,
  ISSUER_DECLINES,
  REPLACEMENT_DAYS,
  REPORTS,
  SECOND_CURRENCY,
  THIEVES,
} from "./consequences-table.js";

/** The decision on a payment. */
export type Verdict = "approve" | "challenge" | "decline";

/** The fate of a payment. `declined`: by `Verdict`; `issuer-declined`: by the issuer, after approval. */
export type Fate = "authorised" | "declined" | "issuer-declined" | "abandoned";

/** A payment with its consequences. */
export interface LivedPayment extends Omit<SimulatedPayment, "labelledAtMs"> {
  readonly fate: Fate;
  /** Time of its fraud report; null if none ever arrives, as for all genuine payments. */
  readonly labelledAtMs: number | null;
}

interface CardState {
  /** Number of replaced cards. */
  generation: number;
  /** Time of the first report about the current number. */
  blockedAtMs: number;
}

interface ThiefState {
  declines: number;
  lastMs: number;
  /** The card's generation at the first attempt. */
  readonly generation: number;
}

/** Frauds whose thief uses one card. The others use many cards, at one terminal or from one device. */
const BY_CARD: ReadonlySet<Scenario> = new Set(["stolen-card", "testing-burst", "account-takeover"]);
/** Above this number, thieves that have been inactive for a long time are removed. */
const THIEVES_MAX = 10_000;

/**
 * Simulates the consequences of payments: cards are blocked and replaced, thieves leave, and only successful frauds are
 * reported. Payments must be offered in event order. Memory: bounded by the numbers of cards and terminals.
 */
export class Consequences {
  readonly #cards = new Map<string, CardState>();
  readonly #thieves = new Map<string, ThiefState>();
  readonly #keys = new WeakMap<SimulatedPayment, { readonly card: CardState; readonly thief?: ThiefState }>();

  constructor(private readonly options: Pick<SimulationOptions, "seed" | "cards" | "currency">) {}

  /** The payment as it is made; undefined if its card is blocked or its thief has left. */
  offer(payment: SimulatedPayment): SimulatedPayment | undefined {
    const card = this.#cardOf(payment);
    const thief = payment.fraud ? this.#thiefOf(payment, card) : undefined;
    const isGone =
      thief !== undefined &&
      (thief.declines >= THIEVES.declinesMax ||
        (BY_CARD.has(payment.scenario) && thief.generation !== card.generation));
    // The owner still makes the payment, even if no thief copies its data.
    if (isGone && payment.scenario !== "compromised-terminal") return undefined;
    if (card.blockedAtMs <= payment.occurredAtMs) return undefined;
    const { seed, cards } = this.options;
    const index = cardOf(seed, payment.cardNumber);
    const truth = isGone ? ({ fraud: false, scenario: "none" } as const) : {};
    const happened: SimulatedPayment = {
      ...payment,
      ...truth,
      ...this.#priceOf(payment, index),
      cardNumber: cardNumber(seed, index + card.generation * cards),
    };
    this.#keys.set(happened, { card, ...(thief === undefined || isGone ? {} : { thief }) });
    return happened;
  }

  /** The fate of a payment that `offer` returned. */
  decide(payment: SimulatedPayment, verdict: Verdict): LivedPayment {
    const random = seedRandom(this.options.seed, STREAM.consequence, hashOf(payment.clientTransactionId), 0);
    const fate = fateOf(payment, verdict, random);
    const { card, thief } = this.#keys.get(payment) ?? {};
    if (thief !== undefined && fate !== "authorised") thief.declines += 1;
    const isReported = payment.fraud && fate === "authorised" && random() < REPORTS.share;
    const labelledAtMs = isReported ? payment.occurredAtMs + reportDelayMs(random) : null;
    if (card !== undefined && labelledAtMs !== null) card.blockedAtMs = Math.min(card.blockedAtMs, labelledAtMs);
    return { ...payment, fate, labelledAtMs };
  }

  /**
   * Whether a payment that `offer` returned would be reported as fraud if it were approved; undefined if the issuer
   * would decline it.
   */
  reportIfApproved(payment: SimulatedPayment): boolean | undefined {
    const random = seedRandom(this.options.seed, STREAM.consequence, hashOf(payment.clientTransactionId), 0);
    if (fateOf(payment, "approve", random) !== "authorised") return undefined;
    return payment.fraud && random() < REPORTS.share;
  }

  #cardOf({ cardNumber: number, occurredAtMs }: SimulatedPayment): CardState {
    const known = this.#cards.get(number) ?? { generation: 0, blockedAtMs: Number.POSITIVE_INFINITY };
    const isReplaced = occurredAtMs >= known.blockedAtMs + REPLACEMENT_DAYS * DAY_MS;
    // A new object, because earlier payments may still be decided and must not block the new number.
    const card = isReplaced ? { generation: known.generation + 1, blockedAtMs: Number.POSITIVE_INFINITY } : known;
    this.#cards.set(number, card);
    return card;
  }

  #thiefOf(payment: SimulatedPayment, { generation }: CardState): ThiefState {
    const { scenario, occurredAtMs } = payment;
    const entity = BY_CARD.has(scenario)
      ? payment.cardNumber
      : scenario === "card-testing"
        ? (payment.deviceId ?? payment.terminalId)
        : payment.terminalId;
    const key = `${scenario} ${entity}`;
    const known = this.#thieves.get(key);
    const isNew = known === undefined || occurredAtMs - known.lastMs > THIEVES.quietDays * DAY_MS;
    const thief = isNew ? { declines: 0, lastMs: occurredAtMs, generation } : known;
    thief.lastMs = occurredAtMs;
    this.#thieves.set(key, thief);
    if (this.#thieves.size > THIEVES_MAX) this.#forgetThieves(occurredAtMs);
    return thief;
  }

  #forgetThieves(nowMs: number): void {
    for (const [key, { lastMs }] of this.#thieves) {
      if (nowMs - lastMs > THIEVES.quietDays * DAY_MS) this.#thieves.delete(key);
    }
  }

  #priceOf(
    { amountMinor, currency }: SimulatedPayment,
    card: number,
  ): Pick<SimulatedPayment, "amountMinor" | "currency"> {
    if (card % SECOND_CURRENCY.cardsPer !== 0) return { amountMinor, currency };
    const { code, factor } = SECOND_CURRENCY;
    const decimals = 10 ** (currencyDecimals(code) - currencyDecimals(currency));
    return { amountMinor: Math.max(1, Math.round(amountMinor * factor * decimals)), currency: code };
  }
}

/** The rule before there is a model: it declines large amounts. */
export function decideAsIncumbent({ amountMinor, currency }: SimulatedPayment): Verdict {
  const major = amountMinor / 10 ** currencyDecimals(currency);
  const limit = INCUMBENT_AMOUNT_MAX * (currency === SECOND_CURRENCY.code ? SECOND_CURRENCY.factor : 1);
  return major > limit ? "decline" : "approve";
}

/**
 * The payments of the world `consequences`, endless and in event order. They depend on all earlier decisions, so they
 * start at the start of the simulation.
 *
 * @param decide called once per payment, in event order
 */
export function* livePayments(
  options: SimulationOptions,
  decide: (payment: SimulatedPayment) => Verdict = decideAsIncumbent,
): Generator<LivedPayment, never, void> {
  const consequences = new Consequences(options);
  for (const planned of createSimulation({ ...options, hasSeasons: true }).payments()) {
    const payment = consequences.offer(planned);
    if (payment !== undefined) yield consequences.decide(payment, decide(payment));
  }
  throw new Error("a simulation is endless");
}

function fateOf({ fraud }: SimulatedPayment, verdict: Verdict, random: Random): Fate {
  const truth = fraud ? "fraud" : "genuine";
  const [abandons, declines] = [random() < ABANDONED[truth], random() < ISSUER_DECLINES[truth]];
  if (verdict === "decline") return "declined";
  if (verdict === "challenge" && abandons) return "abandoned";
  return declines ? "issuer-declined" : "authorised";
}

/** Values outside the bounds are drawn again, at most 20 times. */
function reportDelayMs(random: Random): number {
  const { medianDays, spread, minDays, maxDays } = REPORTS.delay;
  for (let tries = 0; tries < 20; tries += 1) {
    const days = logNormal(random, medianDays, spread);
    if (days >= minDays && days <= maxDays) return Math.round(days * DAY_MS);
  }
  return medianDays * DAY_MS;
}

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
