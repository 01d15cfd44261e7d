import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { FraudRates } from "@tripline/simulator/plan-frauds";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";

interface Shift {
  /** The payment as it is instead. */
  change?(payment: SimulatedPayment): SimulatedPayment;
  /** Which frauds there are instead. */
  readonly fraud?: FraudRates;
}

export const SHIFT_NAMES = ["amounts", "frauds", "terminals"] as const;
/** What becomes different in the traffic from one moment on. */
export type ShiftName = (typeof SHIFT_NAMES)[number];

const SHIFTS: Readonly<Record<ShiftName, Shift>> = {
  /** Owners pay half as much again, and thieves hide in small amounts. */
  amounts: {
    change(payment) {
      const factor = payment.fraud ? 0.2 : 1.5;
      return { ...payment, amountMinor: Math.max(1, Math.round(payment.amountMinor * factor)) };
    },
  },
  /** Hardly a terminal is compromised any more; numbers are tested instead, many times as often. */
  frauds: { fraud: { compromisedTerminals: 0.1, stolenCards: 2.4, testingBursts: 7.2, binTestings: 1.6 } },
  /** Every second terminal is replaced by one that nobody knows. */
  terminals: {
    change(payment) {
      const { terminalId } = payment;
      return /[02468]$/.test(terminalId) ? { ...payment, terminalId: `${terminalId}N` } : payment;
    },
  },
};

/** The payment as it is where the traffic has shifted from a moment on. A shift of the frauds changes no payment. */
export function shiftPayment(payment: SimulatedPayment, shift: ShiftName, fromMs: number): SimulatedPayment {
  return payment.occurredAtMs < fromMs ? payment : (SHIFTS[shift].change?.(payment) ?? payment);
}

/** All payments of a world that shifts at a moment; endless, in event order. `fromMs` is the beginning of a day (UTC). */
export function* shiftedTraffic(
  simulation: SimulationOptions,
  shift: ShiftName,
  fromMs: number,
): Generator<SimulatedPayment, void, void> {
  for (const payment of createSimulation(simulation)) {
    if (payment.occurredAtMs >= fromMs) break;
    yield payment;
  }
  // A day of a simulation depends on its seed and date alone, so another one goes on where this one ends.
  const { fraud = simulation.fraud } = SHIFTS[shift];
  const after = createSimulation({ ...simulation, ...(fraud === undefined ? {} : { fraud }) });
  for (const payment of after.payments(fromMs)) yield shiftPayment(payment, shift, fromMs);
}
