import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { DAY_MS } from "@tripline/simulator/payment-times";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { ShiftName } from "./shift-traffic.js";
import { SHIFT_NAMES, shiftedTraffic } from "./shift-traffic.js";

const simulation: SimulationOptions = {
  seed: 3,
  cards: 60,
  terminals: 60,
  startMs: Date.UTC(2025, 0, 6),
  fraud: { compromisedTerminals: 4, stolenCards: 8, testingBursts: 1.8, binTestings: 0.2 },
};
const SHIFT_MS = simulation.startMs + 3 * DAY_MS;
const END_MS = SHIFT_MS + 20 * DAY_MS;

function play(shift: ShiftName): SimulatedPayment[] {
  const payments: SimulatedPayment[] = [];
  for (const payment of shiftedTraffic(simulation, shift, SHIFT_MS)) {
    if (payment.occurredAtMs >= END_MS) break;
    payments.push(payment);
  }
  return payments;
}

const worlds = new Map(SHIFT_NAMES.map((shift) => [shift, play(shift)]));
const played = (shift: ShiftName): SimulatedPayment[] => worlds.get(shift) ?? [];

const shareOf = <T>(all: readonly T[], is: (one: T) => boolean): number => all.filter(is).length / all.length;
const isBefore = ({ occurredAtMs }: SimulatedPayment): boolean => occurredAtMs < SHIFT_MS;

test.each(SHIFT_NAMES)("traffic without gaps differs from unshifted traffic only after the shift: %s", (shift) => {
  const payments = played(shift);
  const ids = payments.map(({ clientTransactionId }) => clientTransactionId);
  expect(ids).toEqual([...new Set(ids)].sort());
  const days = new Set(payments.map(({ occurredAtMs }) => Math.floor(occurredAtMs / DAY_MS)));
  expect(days.size).toBe(23);
  const others = SHIFT_NAMES.filter((name) => name !== shift).map(played);
  for (const other of others) {
    expect(payments.filter(isBefore)).toEqual(other.filter(isBefore));
    expect(payments.filter((payment) => !isBefore(payment))).not.toEqual(other.filter((payment) => !isBefore(payment)));
  }
});

test("each shift has the effect that its name describes", () => {
  const of = (shift: ShiftName) => played(shift).filter((payment) => !isBefore(payment));
  const [amounts, frauds, terminals] = [of("amounts"), of("frauds"), of("terminals")];
  const owners = (all: SimulatedPayment[]): number =>
    all.filter(({ fraud }) => !fraud).reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  expect(owners(amounts) / owners(terminals)).toBeCloseTo(1.5, 2);
  const isTested = ({ scenario }: SimulatedPayment): boolean => scenario === "testing-burst";
  const stolen = (all: SimulatedPayment[]) => all.filter(({ fraud }) => fraud);
  expect(shareOf(stolen(frauds), isTested)).toBeGreaterThan(2 * shareOf(stolen(terminals), isTested));
  expect(shareOf(terminals, ({ terminalId }) => terminalId?.endsWith("N") === true)).toBeGreaterThan(0.3);
  expect(shareOf(amounts, ({ terminalId }) => terminalId?.endsWith("N") === true)).toBe(0);
});
