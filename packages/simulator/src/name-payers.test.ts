import { createHash } from "node:crypto";
import { isCountry } from "@tripline/contracts/country";
import { binOf, normalEmail } from "@tripline/contracts/identifiers";
import type { SimulationOptions } from "./create-simulation.js";
import { createSimulation } from "./create-simulation.js";
import { DAY_MS } from "./payment-times.js";
import type { SimulatedPayment } from "./simulated-payment.js";

const startMs = Date.UTC(2026, 0, 5);
const OPTIONS = { seed: 7, cards: 2_000, terminals: 1_000, startMs };

function take(days: number, changes: Partial<SimulationOptions> = {}): SimulatedPayment[] {
  const found: SimulatedPayment[] = [];
  for (const payment of createSimulation({ ...OPTIONS, ...changes })) {
    if (payment.occurredAtMs >= startMs + days * DAY_MS) return found;
    found.push(payment);
  }
  return found;
}

const payments = take(14, { fraud: { binTestings: 1 } });
const isOwner = ({ scenario }: SimulatedPayment): boolean => ["none", "compromised-terminal"].includes(scenario);
const owners = payments.filter(isOwner);
const thieves = payments.filter((payment) => !isOwner(payment));
const shareOf = (of: readonly SimulatedPayment[], test: (payment: SimulatedPayment) => boolean): number =>
  of.filter(test).length / of.length;
const cardsBy = (of: readonly SimulatedPayment[], key: (payment: SimulatedPayment) => string | null) =>
  [...Map.groupBy(of, key)].flatMap(([name, all]) =>
    name === null ? [] : [new Set(all.map(({ cardNumber }) => cardNumber)).size],
  );

test("an e-mail address belongs to one card, except in a ring of thieves; a card without a device has none", () => {
  const named = payments.flatMap(({ email }) => email ?? []);
  expect(named.filter((email) => normalEmail(email) !== email)).toEqual([]);
  expect(shareOf(owners, ({ email }) => email !== null)).toBeGreaterThan(0.4);
  expect(Math.max(...cardsBy(owners, ({ email }) => email))).toBe(1);
  expect(Math.max(...cardsBy(thieves, ({ email }) => email))).toBeGreaterThan(3);
  expect(payments.filter(({ deviceId, email, ipCountry }) => deviceId === null && (email ?? ipCountry))).toEqual([]);
});

test("cards belong to ten issuers, one of them foreign, and a merchant stays in its country", () => {
  const issuers = Map.groupBy(payments, ({ cardNumber }) => binOf(cardNumber));
  const countries = [...issuers.values()].map((all) => [...new Set(all.map(({ cardCountry }) => cardCountry))].join());
  expect(countries.toSorted()).toEqual([...Array<string>(9).fill("BE"), "DE"]);
  const merchants = Map.groupBy(payments, ({ terminalId }) => terminalId);
  expect(
    [...merchants.values()].filter((all) => all.some((one) => one.merchantCountry !== all[0]?.merchantCountry)),
  ).toEqual([]);
  expect(
    payments
      .flatMap((one) => [one.cardCountry, one.merchantCountry, one.ipCountry ?? "BE"])
      .filter((code) => !isCountry(code)),
  ).toEqual([]);
});

test("thieves pay from abroad more often than owners do", () => {
  const isAbroad = ({ ipCountry }: SimulatedPayment): boolean => ipCountry !== null && ipCountry !== "BE";
  expect(shareOf(owners, isAbroad)).toBeLessThan(0.02);
  expect(shareOf(thieves, isAbroad)).toBeGreaterThan(0.2);
});

test("BIN testing tries many of an issuer's numbers once, with small amounts, at one terminal from one device", () => {
  const tested = payments.filter(({ scenario }) => scenario === "bin-testing");
  const runs = [
    ...Map.groupBy(tested, ({ deviceId, occurredAtMs }) => `${deviceId} ${Math.floor(occurredAtMs / DAY_MS)}`).values(),
  ];
  expect(runs.length).toBeGreaterThan(0);
  for (const run of runs) {
    for (const of of [
      ({ cardNumber }: SimulatedPayment) => binOf(cardNumber),
      ({ terminalId }: SimulatedPayment) => terminalId,
      ({ email }: SimulatedPayment) => email,
    ])
      expect(new Set(run.map(of)).size).toBe(1);
    expect(new Set(run.map(({ cardNumber }) => cardNumber)).size).toBe(run.length);
    expect(Math.max(...run.map(({ amountMinor }) => amountMinor))).toBeLessThan(300);
    expect((run.at(-1)?.occurredAtMs ?? 0) - (run[0]?.occurredAtMs ?? 0)).toBeLessThan(10 * 60_000);
  }
  expect(Math.max(...runs.map((run) => run.length))).toBeGreaterThan(10);
});

test("a seed without BIN testing gives the same payments as before payer fields were added", () => {
  const digest = createHash("sha256");
  for (const payment of take(2, { fraud: { binTestings: 0 } })) {
    const { clientTransactionId, terminalId, amountMinor, occurredAtMs } = payment;
    const { deviceId, ipAddress, latitude, fraud, labelledAtMs } = payment;
    const where = [deviceId, ipAddress, latitude];
    const content = [clientTransactionId, terminalId, amountMinor, occurredAtMs, ...where, fraud, labelledAtMs];
    digest.update(JSON.stringify(content));
  }
  expect(digest.digest("hex").slice(0, 16)).toBe("1aab258b22a8b473");
});
