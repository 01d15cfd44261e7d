import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { answersTo, refundOf } from "./simulated-issuer.js";

const startMs = Date.UTC(2026, 0, 5);
const DAY_MS = 86_400_000;
const payments: SimulatedPayment[] = [];
for (const payment of createSimulation({ seed: 7, cards: 500, terminals: 500, startMs })) {
  if (payment.occurredAtMs >= startMs + 20 * DAY_MS) break;
  payments.push(payment);
}

const shareOf = (of: readonly SimulatedPayment[], has: (payment: SimulatedPayment) => boolean) =>
  of.filter(has).length / of.length;
const isDeclined = (payment: SimulatedPayment) => answersTo(payment, "approve")[0]?.kind === "declined";

test("the issuer declines few genuine payments but most BIN testing payments", () => {
  const genuine = payments.filter(({ scenario }) => scenario === "none");
  const tested = genuine.map((payment) => ({ ...payment, fraud: true, scenario: "bin-testing" }) as const);
  expect(shareOf(genuine, isDeclined)).toBeCloseTo(0.02, 2);
  expect(shareOf(tested, isDeclined)).toBeCloseTo(0.7, 1);
});

test("the issuer declines most attempts of a card-testing attack, with the code from the simulation", () => {
  const attack = createSimulation({ seed: 7, cards: 500, terminals: 500, startMs }).attack("card-testing", 3, startMs);
  const attempts = attack.filter(({ attackStep }) => attackStep === "attempt");
  expect(shareOf(attempts, isDeclined)).toBeGreaterThan(0.7);
  for (const payment of attack) {
    const [answer] = answersTo(payment, "approve");
    expect(answer?.issuer_code).toBe(payment.issuerCode);
    expect(answer?.kind).toBe(payment.issuerCode === "00" ? "authorised" : "declined");
  }
});

test("payments that were declined or whose challenge was abandoned do not reach the issuer", () => {
  expect(payments.flatMap((payment) => answersTo(payment, "decline"))).toEqual([]);
  const challenged = payments.map((payment) => answersTo(payment, "challenge").map(({ kind }) => kind));
  expect(new Set(challenged.map((kinds) => kinds.join(" ")))).toEqual(
    new Set(["three_ds_abandoned", "three_ds_completed authorised", "three_ds_completed declined"]),
  );
});

test("refunds are rare, are full refunds, and occur only for genuine payments", () => {
  const refunded = payments.filter((payment) => refundOf(payment).length > 0);
  expect(refunded.length / payments.length).toBeCloseTo(0.003, 3);
  expect(refunded.some(({ fraud }) => fraud)).toBe(false);
  for (const payment of refunded) {
    expect(refundOf(payment)).toMatchObject([
      { kind: "refunded", amount: { minor: payment.amountMinor, currency: "EUR" } },
    ]);
  }
});

test("a payment always gets the same responses, all dated after the payment", () => {
  for (const payment of payments.slice(0, 100)) {
    const answers = answersTo(payment, "challenge");
    expect(answersTo(payment, "challenge")).toEqual(answers);
    const times = answers.map(({ occurred_at }) => Date.parse(occurred_at));
    expect(times).toEqual(times.toSorted((left, right) => left - right));
    expect(times.every((ms) => ms > payment.occurredAtMs)).toBe(true);
  }
});
