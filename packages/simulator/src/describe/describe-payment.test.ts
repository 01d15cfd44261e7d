import { createHash } from "node:crypto";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { normalPhone, normalPostalCode } from "@tripline/contracts/identifiers";
import type { SimulationOptions } from "../create-simulation.js";
import { createSimulation } from "../create-simulation.js";
import { DAY_MS } from "../payment-times.js";
import type { SimulatedPayment } from "../simulated-payment.js";

const startMs = Date.UTC(2026, 0, 5);
const OPTIONS = { seed: 7, cards: 600, terminals: 400, startMs };

function take(days: number, changes: Partial<SimulationOptions> = {}): SimulatedPayment[] {
  const found: SimulatedPayment[] = [];
  for (const payment of createSimulation({ ...OPTIONS, ...changes })) {
    if (payment.occurredAtMs >= startMs + days * DAY_MS) break;
    found.push(payment);
  }
  return found;
}

const DAYS = 12;
const payments = take(DAYS, { hasDetails: true });
const genuine = payments.filter(({ fraud }) => !fraud);
const online = genuine.filter(({ deviceId }) => deviceId !== null);
const thieves = payments.filter(({ scenario, deviceId }) => scenario === "stolen-card" && deviceId !== null);
const shareOf = (of: readonly SimulatedPayment[], has: (payment: SimulatedPayment) => boolean): number =>
  of.filter(has).length / of.length;
/** The largest number of values per key; both may be absent. */
function valuesPerKey(
  of: readonly SimulatedPayment[],
  key: (payment: SimulatedPayment) => unknown,
  value: (payment: SimulatedPayment) => unknown,
): number {
  const has = of.filter((one) => key(one) != null && value(one) != null);
  return Math.max(...[...Map.groupBy(has, key).values()].map((all) => new Set(all.map(value)).size));
}

test("payments are the same as in earlier versions, byte for byte, if the option is not set", () => {
  const digest = createHash("sha256");
  for (const payment of take(3, { cards: 1_000, terminals: 500 })) digest.update(JSON.stringify(payment));
  expect(digest.digest("hex").slice(0, 16)).toBe("46d7280ef76ba967");
});

test("details change no other field", () => {
  const plain = take(DAYS);
  const names = Object.keys(plain[0] ?? {});
  expect(plain.findIndex((one, index) => JSON.stringify(one) !== JSON.stringify(payments[index], names))).toBe(-1);
  expect(payments.length).toBe(plain.length);
  const two = take(2, { hasDetails: true });
  expect(two).toEqual(payments.slice(0, two.length));
});

test("a shop keeps its merchant and category, an owner the account, telephone number and billing address", () => {
  expect(
    valuesPerKey(
      payments,
      (one) => one.terminalId,
      (one) => one.mcc,
    ),
  ).toBe(1);
  expect(
    valuesPerKey(
      payments,
      (one) => one.merchantId,
      (one) => one.terminalId,
    ),
  ).toBe(1);
  expect(new Set(payments.map(({ mcc }) => mcc)).size).toBe(11);
  for (const field of ["accountId", "phone", "billingPostalCode", "cardFunding"] as const) {
    expect(
      valuesPerKey(
        genuine,
        (one) => one.cardNumber,
        (one) => one[field],
      ),
    ).toBe(1);
  }
  expect(
    valuesPerKey(
      genuine,
      (one) => one.accountId,
      (one) => one.cardNumber,
    ),
  ).toBe(1);
  expect(
    valuesPerKey(
      payments,
      (one) => one.deviceId,
      (one) => one.deviceFingerprint,
    ),
  ).toBe(1);
  expect(
    valuesPerKey(
      payments,
      (one) => one.deviceFingerprint,
      (one) => one.deviceId,
    ),
  ).toBe(1);
  const cards = Map.groupBy(online, ({ cardNumber }) => cardNumber);
  const withAccount = [...cards.values()].filter((all) => all.some(({ accountId }) => accountId != null)).length;
  expect(Math.abs(withAccount / cards.size - 0.6)).toBeLessThan(0.05);
});

test("texts are normalised and never look like a card number", () => {
  const phones = new Set(payments.flatMap(({ phone }) => phone ?? []));
  expect([...phones].filter((phone) => normalPhone(phone) !== phone)).toEqual([]);
  const codes = new Set(payments.flatMap((one) => [one.billingPostalCode ?? [], one.shippingPostalCode ?? []].flat()));
  expect([...codes].filter((code) => normalPostalCode(code) !== code)).toEqual([]);
  const others = payments.flatMap(({ accountId, deviceFingerprint }) =>
    [accountId ?? [], deviceFingerprint ?? []].flat(),
  );
  expect([...phones, ...new Set(others)].filter(holdsCardNumber)).toEqual([]);
});

test("only payments with a device have a payer; recurring ones have neither", () => {
  const offline = payments.filter(({ deviceId }) => deviceId === null);
  expect(offline.filter((one) => one.avsResult ?? one.accountId ?? one.phone ?? one.shippingCountry)).toEqual([]);
  expect(shareOf(offline, ({ channel }) => channel === "point_of_sale")).toBeGreaterThan(0.9);
  const recurring = payments.filter(({ initiator }) => initiator === "recurring");
  expect(recurring.length).toBeGreaterThan(0);
  expect(recurring.filter(({ deviceId, entryMode }) => deviceId !== null || entryMode !== "on_file")).toEqual([]);
  expect(online.filter(({ channel }) => channel === "point_of_sale")).toEqual([]);
});

test("owners pass the checks, and thieves mostly do not", () => {
  const isFull = ({ avsResult }: SimulatedPayment): boolean => avsResult === "full_match";
  expect(Math.abs(shareOf(online, isFull) - 0.86)).toBeLessThan(0.02);
  expect(shareOf(thieves, isFull)).toBeLessThan(0.2);
  const keyed = online.filter(({ entryMode }) => entryMode === "keyed");
  expect(Math.abs(shareOf(keyed, ({ cvcResult }) => cvcResult === "match") - 0.97)).toBeLessThan(0.01);
  expect(online.filter(({ entryMode, cvcResult }) => entryMode !== "keyed" && cvcResult != null)).toEqual([]);
  const isNew = ({ emailAgeDays }: SimulatedPayment): boolean => emailAgeDays != null && emailAgeDays <= 2;
  expect(shareOf(online, isNew)).toBe(0);
  expect(
    shareOf(
      thieves.filter(({ email }) => email !== null),
      isNew,
    ),
  ).toBe(1);
  const isAbroad = ({ shippingCountry }: SimulatedPayment): boolean =>
    shippingCountry != null && shippingCountry !== "BE";
  expect(shareOf(online, isAbroad)).toBeLessThan(0.02);
  expect(shareOf(thieves, isAbroad)).toBeGreaterThan(0.05);
});

test("3-D Secure and exemptions exclude each other, and liability shifts only after authentication or an attempt", () => {
  const isShifted = ({ threeDsResult }: SimulatedPayment): boolean =>
    threeDsResult === "authenticated" || threeDsResult === "attempted";
  expect(online.filter((one) => (one.exemption == null) === (one.threeDsResult == null))).toEqual([]);
  expect(
    online.filter((one) => one.liabilityShift !== isShifted(one) || isShifted(one) === (one.eci === "07")),
  ).toEqual([]);
  expect(online.filter(({ exemption, amountMinor }) => exemption === "low_value" && amountMinor > 3_000)).toEqual([]);
  const asked = online.filter(({ threeDsResult }) => threeDsResult != null);
  expect(Math.abs(shareOf(asked, ({ threeDsResult }) => threeDsResult === "authenticated") - 0.88)).toBeLessThan(0.02);
});
