import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isCardNumber } from "@tripline/contracts/identifiers";
import { createSimulation } from "./create-simulation.js";
import { DAY_MS } from "./payment-times.js";
import type { Scenario, SimulatedPayment } from "./simulated-payment.js";

/** A Monday. */
const startMs = Date.UTC(2026, 0, 5);
const options = { seed: 7, cards: 500, terminals: 500, startMs };

function take(days: number, changes: Partial<Parameters<typeof createSimulation>[0]> = {}): SimulatedPayment[] {
  const all = { ...options, ...changes };
  const found: SimulatedPayment[] = [];
  for (const payment of createSimulation(all)) {
    if (payment.occurredAtMs >= all.startMs + days * DAY_MS) return found;
    found.push(payment);
  }
  return found;
}

describe("createSimulation", () => {
  const sixtyDays = take(60);

  test("returns the same payments for the same seed, and different ones for another seed", () => {
    expect(take(3)).toEqual(take(3));
    expect(take(3).map((payment) => payment.amountMinor)).not.toEqual(
      take(3, { seed: 8 }).map((payment) => payment.amountMinor),
    );
  });

  test("returns the same payments for a day wherever the iteration starts", () => {
    const middleMs = startMs + 30 * DAY_MS + 13 * 3_600_000;
    const resumed = createSimulation(options).payments(middleMs);
    const expected = sixtyDays.filter((payment) => payment.occurredAtMs >= middleMs);
    expect(expected.map(() => resumed.next().value)).toEqual(expected);
  });

  test("regression #28: omits the terminal of payments without a location, and nothing else", () => {
    const changed = take(3, { omitsOnlineTerminals: true, hasDetails: true });
    expect(changed).toEqual(
      take(3, { hasDetails: true }).map((one) => (one.latitude === null ? { ...one, terminalId: null } : one)),
    );
    const absent = changed.filter(({ terminalId }) => terminalId === null).length / changed.length;
    expect([absent > 0.05, absent < 0.5]).toEqual([true, true]);
    expect(changed.filter(({ merchantId }) => merchantId == null)).toEqual([]);
  });

  test("returns payments in event order with ascending IDs", () => {
    const misplaced = sixtyDays.filter((payment, index) => {
      const before = sixtyDays[index - 1];
      if (before === undefined) return false;
      return before.occurredAtMs > payment.occurredAtMs || before.clientTransactionId >= payment.clientTransactionId;
    });
    expect(misplaced).toEqual([]);
  });

  test.each([1, 7, 99])("has between 0.5 and 1 % fraud, with every attack pattern (seed %i)", (seed) => {
    const payments = take(60, { seed, cards: 2000, terminals: 2000 });
    const shares = new Map<Scenario, number>();
    expect(payments.filter((payment) => payment.fraud !== (payment.scenario !== "none"))).toEqual([]);
    for (const payment of payments) {
      shares.set(payment.scenario, (shares.get(payment.scenario) ?? 0) + 1 / payments.length);
    }
    const fraud = 1 - (shares.get("none") ?? 0);
    expect(fraud).toBeGreaterThan(0.005);
    expect(fraud).toBeLessThan(0.01);
    for (const scenario of ["compromised-terminal", "stolen-card", "testing-burst"] as const) {
      expect(shares.get(scenario)).toBeGreaterThan(0.0008);
    }
  });

  test("every card has a different valid 16-digit number from the test range", () => {
    const numbers = new Set(sixtyDays.map((payment) => payment.cardNumber));
    expect(numbers.size).toBe(options.cards);
    for (const number of numbers) {
      expect(number).toMatch(/^400000\d{10}$/);
      expect(isCardNumber(number)).toBe(true);
    }
  });

  test("makes about two payments per card per day, with more on weekends and few at night", () => {
    const genuine = sixtyDays.filter((payment) => !payment.fraud);
    expect(genuine.length / (60 * options.cards)).toBeGreaterThan(1.8);
    expect(genuine.length / (60 * options.cards)).toBeLessThan(2.2);
    const perDay = new Array<number>(56).fill(0);
    for (const payment of genuine) {
      const day = Math.floor((payment.occurredAtMs - startMs) / DAY_MS);
      if (day < 56) perDay[day] = (perDay[day] ?? 0) + 1;
    }
    const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const weekend = meanOf(perDay.filter((_, day) => day % 7 >= 5));
    expect(weekend / meanOf(perDay.filter((_, day) => day % 7 < 5))).toBeGreaterThan(1.1);
    const atNight = genuine.filter((payment) => payment.occurredAtMs % DAY_MS < DAY_MS / 4).length;
    expect(atNight / genuine.length).toBeLessThan(0.05);
  });

  test("thieves spend several times what owners do, and card testing uses small amounts", () => {
    const medianOf = (scenario: Scenario): number => {
      const amounts = sixtyDays
        .filter((payment) => payment.scenario === scenario)
        .map((payment) => payment.amountMinor);
      return amounts.sort((left, right) => left - right)[Math.floor(amounts.length / 2)] ?? 0;
    };
    expect(medianOf("stolen-card")).toBeGreaterThan(2.5 * medianOf("none"));
    expect(medianOf("testing-burst")).toBeLessThan(400);
  });

  test("labels a genuine payment after 7 days and a fraud after about 3 days, at most 14", () => {
    const delaysOf = (fraud: boolean): number[] =>
      sixtyDays
        .filter((payment) => payment.fraud === fraud)
        .map((payment) => payment.labelledAtMs - payment.occurredAtMs)
        .sort((left, right) => left - right);
    expect(new Set(delaysOf(false))).toEqual(new Set([7 * DAY_MS]));
    const delays = delaysOf(true);
    expect(delays[0]).toBeGreaterThan(0);
    expect(delays.at(-1)).toBeLessThanOrEqual(14 * DAY_MS);
    expect(delays[Math.floor(delays.length / 2)]).toBeGreaterThan(2 * DAY_MS);
    expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(4 * DAY_MS);
  });

  test("uses no more memory after 400 days than after 20", () => {
    setFlagsFromString("--expose_gc");
    const collectGarbage: () => void = runInNewContext("gc");
    const payments = createSimulation(options)[Symbol.iterator]();
    const heapAfter = (days: number): number => {
      for (let next = payments.next(); !next.done; next = payments.next()) {
        if (next.value.occurredAtMs >= startMs + days * DAY_MS) break;
      }
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const early = heapAfter(20);
    expect(heapAfter(400) - early).toBeLessThan(4_000_000);
  });

  test("gives other currencies their own minor units", () => {
    const yen = take(2, { currency: "JPY" });
    const euro = take(2);
    expect(yen.map((payment) => payment.currency)).toContain("JPY");
    expect(yen.length).toBe(euro.length);
    expect(Math.abs((yen[0]?.amountMinor ?? 0) - (euro[0]?.amountMinor ?? 0) / 100)).toBeLessThanOrEqual(1);
  });

  test("names all invalid options together", () => {
    const wrong = { seed: -1, cards: 0, terminals: 1.5, startMs, currency: "XYZW", fraud: { stolenCards: -2 } };
    for (const word of ["seed", "cards", "terminals", "currency", "stolenCards"]) {
      expect(() => createSimulation(wrong)).toThrow(word);
    }
  });
});
