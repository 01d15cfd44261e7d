import { currencyDecimals, isCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import { ATTACK_MS_MAX } from "./attacks/attack-table.js";
import { DISTRIBUTED_TESTING_MS_MAX, testCardsSlowly } from "./attacks/distributed-card-testing.js";
import { SLOW_TAKEOVER_MS_MAX, takeOverSlowly } from "./attacks/slow-takeover.js";
import { takeOverAccount } from "./attacks/take-over-account.js";
import { testCards } from "./attacks/test-cards.js";
import { describePayment } from "./describe/describe-payment.js";
import type { World } from "./draft-payment.js";
import { DAY_MS, dayOf } from "./payment-times.js";
import { placeTerminals } from "./place-terminals.js";
import type { FraudRates } from "./plan-frauds.js";
import { DEFAULT_FRAUD_RATES, planFrauds } from "./plan-frauds.js";
import { profileCards } from "./profile-cards.js";
import { simulateDay } from "./simulate-day.js";
import type { SimulatedPayment, TerminalPayment } from "./simulated-payment.js";

export interface SimulationOptions {
  /** Integer from 0 to 2^53 - 1. */
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  /** No event occurs before this moment (milliseconds since the epoch). */
  readonly startMs: number;
  /** ISO 4217. Default: EUR. */
  readonly currency?: string;
  /** Average number of payments per card per day, above 0 and at most 10. Default: 2. */
  readonly paymentsPerDay?: number;
  readonly fraud?: Partial<FraudRates>;
  /** Whether payments have the fields of `PaymentDetails`. Default: false. */
  readonly hasDetails?: boolean;
  /** Whether owners pay more often, and more, in December. Default: false. */
  readonly hasSeasons?: boolean;
  /** Whether payments at online shops, which have no location, lack a terminal. Default: false. */
  readonly omitsOnlineTerminals?: boolean;
}

/** The attacks that can be started at any time. The last two are only for measuring models, and start only on request. */
export type AttackName = "card-testing" | "account-takeover" | "distributed-card-testing" | "slow-takeover";

export interface Simulation extends Iterable<SimulatedPayment> {
  /**
   * The payments from `fromMs` (default: the start), endless and in event order. Each day depends only on the seed and
   * its date, so starting late costs nothing and produces the same payments. Memory: one day of payments, a small
   * multiple of the number of cards.
   */
  payments(fromMs?: number): Generator<SimulatedPayment, never, void>;
  /**
   * The payments of one attack, in event order, to be merged with other payments. All of them occur within
   * `attackMsMax`.
   *
   * @param card index below `cards`: a card of the tested BIN, or the card whose owner's account is taken over
   * @returns no payments if the owner has no account
   */
  attack(name: AttackName, card: number, startMs: number): SimulatedPayment[];
}

const ATTACKS = {
  "card-testing": { draft: testCards, msMax: ATTACK_MS_MAX },
  "account-takeover": { draft: takeOverAccount, msMax: ATTACK_MS_MAX },
  "distributed-card-testing": { draft: testCardsSlowly, msMax: DISTRIBUTED_TESTING_MS_MAX },
  "slow-takeover": { draft: takeOverSlowly, msMax: SLOW_TAKEOVER_MS_MAX },
} as const;

/** Maximum time from the start of an attack to its last payment. */
export function attackMsMax(name: AttackName): number {
  return ATTACKS[name].msMax;
}

/** @throws TriplineError `config-invalid` that lists all invalid options. */
export function createSimulation(options: SimulationOptions): Simulation {
  const currency = options.currency ?? "EUR";
  const paymentsPerDay = options.paymentsPerDay ?? 2;
  const rates: FraudRates = { ...DEFAULT_FRAUD_RATES, ...options.fraud };
  check(options, currency, paymentsPerDay, rates);
  const { seed, startMs } = options;
  const terminals = placeTerminals(seed, options.terminals);
  const cards = profileCards(seed, options.cards, paymentsPerDay, terminals);
  const minorPerMajor = 10 ** currencyDecimals(currency);
  const world: World = { seed, cards, terminals, currency, minorPerMajor, hasSeasons: options.hasSeasons === true };
  const described = (payment: TerminalPayment): SimulatedPayment => {
    const whole = options.hasDetails === true ? describePayment(seed, payment) : payment;
    return options.omitsOnlineTerminals === true && payment.latitude === null ? { ...whole, terminalId: null } : whole;
  };

  function* payments(fromMs = startMs): Generator<SimulatedPayment, never, void> {
    const firstMs = Math.max(fromMs, startMs);
    for (let day = dayOf(firstMs); ; day += 1) {
      const plan = planFrauds(seed, day, cards.length, terminals.count, rates);
      const today = simulateDay({ ...world, day, plan });
      const skipsSome = day * DAY_MS < firstMs;
      for (const payment of today) if (!skipsSome || payment.occurredAtMs >= firstMs) yield described(payment);
    }
  }

  function attack(name: AttackName, card: number, atMs: number): SimulatedPayment[] {
    const drafts = ATTACKS[name]
      .draft(world, card, card, atMs)
      .sort((left, right) => left.occurredAtMs - right.occurredAtMs);
    const prefix = `sim${seed}-${name}-${card}-${atMs.toString(36)}-`;
    return drafts.map((draft, index) =>
      described({ clientTransactionId: prefix + String(index).padStart(4, "0"), ...draft }),
    );
  }
  return { payments, attack, [Symbol.iterator]: () => payments() };
}

function check(options: SimulationOptions, currency: string, paymentsPerDay: number, rates: FraudRates): void {
  const faults: string[] = [];
  const wants = (holds: boolean, sentence: string): void => {
    if (!holds) faults.push(sentence);
  };
  wants(Number.isSafeInteger(options.seed) && options.seed >= 0, "seed must be a whole number from 0 to 2^53 - 1");
  wants(isCount(options.cards), "cards must be a whole number from 1 to 10,000,000");
  wants(isCount(options.terminals), "terminals must be a whole number from 1 to 10,000,000");
  wants(Number.isSafeInteger(options.startMs), "startMs must be whole milliseconds since the epoch");
  wants(isCurrency(currency), "currency must be an ISO 4217 code");
  wants(paymentsPerDay > 0 && paymentsPerDay <= 10, "paymentsPerDay must be above 0 and at most 10");
  for (const [name, rate] of Object.entries(rates)) {
    wants(rate >= 0 && rate <= 100, `fraud.${name} must be from 0 to 100 per 1,000 cards or terminals per day`);
  }
  if (faults.length > 0) throw new TriplineError("config-invalid", faults.join("\n"));
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= 10_000_000;
}
