import { binOf, isCardNumber, networkOf, normalEmail } from "@tripline/contracts/identifiers";
import type { SimulationOptions } from "../create-simulation.js";
import { attackMsMax, createSimulation } from "../create-simulation.js";
import { DAY_MS } from "../payment-times.js";
import { cardNumber } from "../profile-cards.js";
import type { SimulatedPayment } from "../simulated-payment.js";
import { ATTACK_SEEDS } from "./attack-seeds.js";
import { ACCOUNT_TAKEOVER, ATTACK_MS_MAX, CARD_TESTING } from "./attack-table.js";

const startMs = Date.UTC(2026, 0, 5);
const options = (seed: number): SimulationOptions => ({
  seed,
  cards: 800,
  terminals: 500,
  startMs,
  hasDetails: true,
});
const SEEDS = ATTACK_SEEDS.build;
const [SEED] = SEEDS;
const DAYS = 30;
const ATTACKS_PER_SEED = 20;

function take(of: SimulationOptions, days: number): SimulatedPayment[] {
  const found: SimulatedPayment[] = [];
  for (const payment of createSimulation(of)) {
    if (payment.occurredAtMs >= startMs + days * DAY_MS) break;
    found.push(payment);
  }
  return found;
}

function attacksOf(seed: number, name: "card-testing" | "account-takeover", count: number): SimulatedPayment[][] {
  const simulation = createSimulation(options(seed));
  const attacks: SimulatedPayment[][] = [];
  for (let card = 0; attacks.length < count; card += 1) {
    const attack = simulation.attack(name, card, startMs + card * 60_000);
    if (attack.length > 0) attacks.push(attack);
  }
  return attacks;
}

const distinct = <T>(of: readonly SimulatedPayment[], key: (payment: SimulatedPayment) => T): Set<T> =>
  new Set(of.map(key));
const shareOf = (of: readonly SimulatedPayment[], has: (payment: SimulatedPayment) => boolean): number =>
  of.filter(has).length / of.length;
const amountOf = ({ amountMinor }: SimulatedPayment): number => amountMinor / 100;
const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

describe.each(SEEDS)("card testing, seed %i", (seed) => {
  const issued = new Set(Array.from({ length: 800 }, (_value, card) => cardNumber(seed, card)));
  const attacks = attacksOf(seed, "card-testing", ATTACKS_PER_SEED);
  const steps = attacks.map((all) => ({
    all,
    attempts: all.filter(({ attackStep }) => attackStep === "attempt"),
    purchases: all.filter(({ attackStep }) => attackStep === "purchase"),
  }));
  const attempts = steps.flatMap((step) => step.attempts);
  const purchases = steps.flatMap((step) => step.purchases);

  test("attempts are small, each with a different number of one BIN, from one device and one network", () => {
    for (const { attempts: own } of steps) {
      expect(own.length).toBeGreaterThanOrEqual(CARD_TESTING.attempts.min);
      expect(own.length).toBeLessThanOrEqual(CARD_TESTING.attempts.max);
      expect(distinct(own, ({ cardNumber: number }) => number).size).toBe(own.length);
      expect(own.filter(({ cardNumber: number }) => !isCardNumber(number))).toEqual([]);
      expect(distinct(own, ({ cardNumber: number }) => binOf(number)).size).toBe(1);
      expect(distinct(own, ({ deviceId }) => deviceId).size).toBe(1);
      expect(distinct(own, ({ ipAddress }) => networkOf(ipAddress ?? "")).size).toBe(1);
      expect(distinct(own, ({ ipAddress }) => ipAddress).size).toBeLessThanOrEqual(CARD_TESTING.addresses.max);
      expect(Math.max(...own.map(amountOf))).toBeLessThanOrEqual(CARD_TESTING.attemptAmount.max);
      const emails = Math.ceil(own.length / CARD_TESTING.attemptsPerEmail);
      expect(distinct(own, ({ email }) => email).size).toBe(emails);
      expect(distinct(own, ({ shippingPostalCode }) => shippingPostalCode).size).toBeLessThanOrEqual(2);
      expect(own.filter(({ email }) => normalEmail(email ?? "") !== email)).toEqual([]);
      const lengthMs = (own.at(-1)?.occurredAtMs ?? 0) - (own[0]?.occurredAtMs ?? 0);
      expect(lengthMs).toBeLessThanOrEqual(CARD_TESTING.attemptsMs.max);
    }
  });

  test("the issuer declines most attempts, and every one with a number that no card has", () => {
    const hasCard = ({ cardNumber: number }: SimulatedPayment): boolean => issued.has(number);
    expect(shareOf(attempts, hasCard)).toBeCloseTo(CARD_TESTING.issuedShare, 1);
    const authorised = attempts.filter(({ issuerCode }) => issuerCode === "00");
    const expected = CARD_TESTING.issuedShare * CARD_TESTING.authorisedShare;
    expect(Math.abs(authorised.length / attempts.length - expected)).toBeLessThan(0.03);
    expect(authorised.every(hasCard)).toBe(true);
    expect(new Set(attempts.filter((one) => !hasCard(one)).map(({ issuerCode }) => issuerCode))).toEqual(
      new Set(["14"]),
    );
  });

  test("purchases are larger, follow the attempts, and use the cards that worked", () => {
    for (const { attempts: own, purchases: later } of steps) {
      const worked = new Set(own.filter(({ issuerCode }) => issuerCode === "00").map((one) => one.cardNumber));
      const lastMs = own.at(-1)?.occurredAtMs ?? 0;
      expect(later.filter(({ cardNumber: number }) => !worked.has(number))).toEqual([]);
      expect(later.filter(({ occurredAtMs }) => occurredAtMs <= lastMs)).toEqual([]);
    }
    const cards = steps.reduce((sum, step) => sum + distinct(step.purchases, (one) => one.cardNumber).size, 0);
    const worked = attempts.filter(({ issuerCode }) => issuerCode === "00").length;
    expect(Math.abs(cards / worked - CARD_TESTING.purchaseShare)).toBeLessThan(0.08);
    expect(median(purchases.map(amountOf)) / CARD_TESTING.purchaseAmount.median).toBeCloseTo(1, 0);
    expect(median(purchases.map(amountOf))).toBeGreaterThan(20 * median(attempts.map(amountOf)));
  });

  test("everything is fraud, in event order, and within the maximum duration", () => {
    for (const { all } of steps) {
      expect(all.every(({ fraud, scenario }) => fraud && scenario === "card-testing")).toBe(true);
      expect(all.toSorted((left, right) => left.occurredAtMs - right.occurredAtMs)).toEqual(all);
      expect(distinct(all, ({ clientTransactionId }) => clientTransactionId).size).toBe(all.length);
      const times = all.map(({ occurredAtMs }) => occurredAtMs);
      expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(ATTACK_MS_MAX);
    }
  });
});

const withoutAttacks = take(options(SEED), DAYS);

describe("account takeover", () => {
  const genuine = withoutAttacks.filter(({ fraud }) => !fraud);
  const byAccount = Map.groupBy(genuine, ({ accountId }) => accountId);
  const attacks = attacksOf(SEED, "account-takeover", 100);
  const known = attacks.filter((all) => byAccount.has(all[0]?.accountId ?? ""));

  test("a known account pays with its own card from another device, network and delivery address", () => {
    expect(known.length).toBeGreaterThan(90);
    for (const all of known) {
      const before = byAccount.get(all[0]?.accountId ?? "") ?? [];
      expect(distinct(all, ({ accountId }) => accountId).size).toBe(1);
      expect(distinct(before, ({ cardNumber: number }) => number)).toEqual(distinct(all, (one) => one.cardNumber));
      expect(before.filter(({ deviceId }) => deviceId === all[0]?.deviceId)).toEqual([]);
      expect(before.filter(({ ipAddress }) => ipAddress === all[0]?.ipAddress)).toEqual([]);
      expect(all.length).toBeLessThanOrEqual(ACCOUNT_TAKEOVER.payments.max);
    }
    const delivered = known.flatMap((all) => {
      const home = (byAccount.get(all[0]?.accountId ?? "") ?? [])[0]?.billingPostalCode;
      return all.filter(({ shippingPostalCode }) => shippingPostalCode != null).map((one) => ({ ...one, home }));
    });
    expect(delivered.filter((one) => one.shippingPostalCode === one.home).length / delivered.length).toBeLessThan(0.01);
  });

  test("most e-mail addresses were changed shortly before, and genuine ones are years old", () => {
    const all = known.flat();
    const isNew = ({ emailAgeDays }: SimulatedPayment): boolean => (emailAgeDays ?? 999) <= 2;
    expect(Math.abs(shareOf(all, isNew) - ACCOUNT_TAKEOVER.emailChangedShare)).toBeLessThan(0.15);
    expect(shareOf(genuine, isNew)).toBe(0);
    expect(all.filter(({ accountAgeDays }) => (accountAgeDays ?? 0) < 30)).toEqual([]);
  });

  test("amounts are several times what the owner pays", () => {
    const ratios = known.flatMap((all) => {
      const usual = median((byAccount.get(all[0]?.accountId ?? "") ?? []).map(amountOf));
      return all.map((one) => amountOf(one) / usual);
    });
    expect(median(ratios)).toBeGreaterThan(ACCOUNT_TAKEOVER.amountFactor.median * 0.7);
    expect(median(ratios)).toBeLessThan(ACCOUNT_TAKEOVER.amountFactor.median * 1.4);
  });
});

test.each(["distributed-card-testing", "slow-takeover"] as const)(
  "%s consists of fraud within its maximum duration",
  (name) => {
    const simulation = createSimulation(options(SEED));
    const attacks = Array.from({ length: 20 }, (_value, card) => simulation.attack(name, card, startMs)).filter(
      ({ length }) => length > 0,
    );
    expect(attacks.length).toBeGreaterThan(5);
    for (const all of attacks) {
      expect(all.every(({ fraud }) => fraud)).toBe(true);
      expect(all.toSorted((left, right) => left.occurredAtMs - right.occurredAtMs)).toEqual(all);
      const lengthMs = (all.at(-1)?.occurredAtMs ?? 0) - startMs;
      expect(lengthMs).toBeLessThanOrEqual(attackMsMax(name));
      expect(lengthMs).toBeGreaterThan(DAY_MS / 2);
      expect(all.filter(({ cardNumber: number }) => !isCardNumber(number))).toEqual([]);
    }
  },
);

test("attacks in a simulation occur at their rates and leave all other payments unchanged", () => {
  const withAttacks = take({ ...options(SEED), fraud: { cardTestings: 0.3, accountTakeovers: 1 } }, DAYS);
  const attacks = withAttacks.filter(({ attackStep }) => attackStep !== undefined);
  const unnumbered = (payment: SimulatedPayment): string => JSON.stringify({ ...payment, clientTransactionId: "" });
  const others = withAttacks.filter(({ attackStep }) => attackStep === undefined).map(unnumbered);
  const expected = withoutAttacks.map(unnumbered);
  expect(others.findIndex((text, index) => text !== expected[index])).toBe(-1);
  expect(others.length).toBe(expected.length);
  const tested = attacks.filter(({ scenario, attackStep }) => scenario === "card-testing" && attackStep === "attempt");
  const runs = distinct(tested, ({ deviceId }) => deviceId).size;
  // With 800 cards, a rate of 0.3 per 1,000 cards per day gives 7 attacks in 30 days.
  expect(runs).toBeGreaterThanOrEqual(1);
  expect(runs).toBeLessThanOrEqual(16);
  const takeovers = distinct(
    attacks.filter(({ scenario }) => scenario === "account-takeover"),
    ({ deviceId }) => deviceId,
  ).size;
  // 24 are planned, and about half of the cards have an account.
  expect(takeovers).toBeGreaterThan(4);
  expect(takeovers).toBeLessThan(32);
});

test("seeds for reported figures are not used during development", () => {
  const build: readonly number[] = ATTACK_SEEDS.build;
  expect(ATTACK_SEEDS.exam.filter((seed) => build.includes(seed))).toEqual([]);
  expect(ATTACK_SEEDS.exam.length).toBeGreaterThanOrEqual(5);
});
