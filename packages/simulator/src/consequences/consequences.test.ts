import { createHash } from "node:crypto";
import { createSimulation } from "../create-simulation.js";
import { DAY_MS } from "../payment-times.js";
import type { SimulatedPayment } from "../simulated-payment.js";
import type { LivedPayment, Verdict } from "./consequences.js";
import { livePayments } from "./consequences.js";

const startMs = Date.UTC(2025, 8, 1);
const fraud = { compromisedTerminals: 1.2, stolenCards: 2.4, testingBursts: 1.8, binTestings: 0.2 };
const options = { seed: 7, cards: 800, terminals: 400, startMs, fraud };

function live(days: number, decide?: (payment: SimulatedPayment) => Verdict): LivedPayment[] {
  const found: LivedPayment[] = [];
  for (const payment of livePayments(options, decide)) {
    if (payment.occurredAtMs >= startMs + days * DAY_MS) break;
    found.push(payment);
  }
  return found;
}

const shareOf = <T>(rows: readonly T[], is: (row: T) => boolean): number => rows.filter(is).length / rows.length;

test("the default world is unchanged, byte for byte", () => {
  const hash = createHash("sha256");
  for (const payment of createSimulation({ seed: 7, cards: 500, terminals: 500, startMs })) {
    if (payment.occurredAtMs >= startMs + 100 * DAY_MS) break;
    hash.update(JSON.stringify(payment));
  }
  expect(hash.digest("hex")).toBe("691a1673c0a0f85e9602b65b1c41d3fd6d84bb218a376147f42407200ee617c7");
});

describe("the world with consequences", () => {
  const approved = live(150, () => "approve");
  const frauds = approved.filter((payment) => payment.fraud);
  const authorised = frauds.filter(({ fate }) => fate === "authorised");

  test("is the same for the same seed and decisions", () => {
    expect(live(3)).toEqual(live(3));
  });

  test("reports nine tenths of the frauds that went through, after a median of 25 days and at most 120", () => {
    expect(approved.filter((payment) => !payment.fraud && payment.labelledAtMs !== null)).toEqual([]);
    const delays = authorised
      .flatMap((payment) => (payment.labelledAtMs === null ? [] : [payment.labelledAtMs - payment.occurredAtMs]))
      .sort((left, right) => left - right);
    expect(delays.length / authorised.length).toBeCloseTo(0.9, 1);
    expect((delays[Math.floor(delays.length / 2)] ?? 0) / DAY_MS).toBeCloseTo(25, -0.7);
    expect((delays.at(-1) ?? 0) / DAY_MS).toBeLessThanOrEqual(120);
    expect((delays.at(-1) ?? 0) / DAY_MS).toBeGreaterThan(80);
  });

  test.each(["declined", "abandoned", "issuer-declined"] as const)("reports no fraud that was %s", (fate) => {
    const verdict = ({ declined: "decline", abandoned: "challenge", "issuer-declined": "approve" } as const)[fate];
    const payments = live(20, () => verdict).filter((payment) => payment.fate === fate);
    expect(payments.length).toBeGreaterThan(0);
    expect(payments.filter(({ labelledAtMs }) => labelledAtMs !== null)).toEqual([]);
  });

  test("blocks a card at its first report, and its owner pays with a new number later", () => {
    const firsts = new Map<string, number>();
    for (const { cardNumber, labelledAtMs } of approved) {
      if (labelledAtMs === null) continue;
      firsts.set(cardNumber, Math.min(labelledAtMs, firsts.get(cardNumber) ?? Number.POSITIVE_INFINITY));
    }
    const late = approved.filter(
      ({ cardNumber, occurredAtMs }) => occurredAtMs >= (firsts.get(cardNumber) ?? Infinity),
    );
    expect(late).toEqual([]);
    expect(new Set(approved.map(({ cardNumber }) => cardNumber)).size).toBeGreaterThan(options.cards);
  });

  test("makes a thief give up after two declines", () => {
    const declined = live(100, (payment) => (payment.scenario === "stolen-card" ? "decline" : "approve"));
    const stolen = (payments: readonly LivedPayment[]) =>
      payments.filter(({ scenario }) => scenario === "stolen-card").length;
    expect(stolen(declined)).toBeLessThan(stolen(approved) / 2);
    expect(stolen(declined)).toBeGreaterThan(0);
  });

  test("has two currencies, with amounts of the same value", () => {
    const sek = approved.filter(({ currency }) => currency === "SEK");
    expect(sek.length / approved.length).toBeCloseTo(0.2, 1);
    const medianOf = (currency: string): number => {
      const amounts = approved.filter((payment) => payment.currency === currency && !payment.fraud);
      return (
        amounts.map(({ amountMinor }) => amountMinor).sort((left, right) => left - right)[amounts.length >> 1] ?? 0
      );
    };
    expect(medianOf("SEK") / medianOf("EUR")).toBeGreaterThan(9);
    expect(medianOf("SEK") / medianOf("EUR")).toBeLessThan(14);
  });

  test("has a third more payments in December", () => {
    const perDay = (month: number, days: number): number =>
      approved.filter(({ occurredAtMs, fraud }) => !fraud && new Date(occurredAtMs).getUTCMonth() === month).length /
      days;
    const ratio = perDay(11, 31) / perDay(9, 31);
    expect(ratio).toBeGreaterThan(1.2);
    expect(ratio).toBeLessThan(1.5);
  });

  test("the rule used before a model exists declines some frauds and few genuine payments", () => {
    const payments = live(60);
    const isDeclined = ({ fate }: LivedPayment): boolean => fate === "declined";
    const share = shareOf(
      payments.filter(({ fraud: isFraud }) => isFraud),
      isDeclined,
    );
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.4);
    expect(
      shareOf(
        payments.filter(({ fraud: isFraud }) => !isFraud),
        isDeclined,
      ),
    ).toBeLessThan(0.03);
  });
});
