import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { FraudRates } from "@tripline/simulator/plan-frauds";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";

interface Shift {
  /** Returns the changed payment. */
  change?(payment: SimulatedPayment): SimulatedPayment;
  /** The fraud rates after the shift. */
  readonly fraud?: Partial<FraudRates>;
}

export const SHIFT_NAMES = ["amounts", "frauds", "terminals"] as const;
/** How the traffic changes at a certain moment. */
export type ShiftName = (typeof SHIFT_NAMES)[number];

const SHIFTS: Readonly<Record<ShiftName, Shift>> = {
  /** Owners spend 50 % more, and thieves use small amounts. */
  amounts: {
    change(payment) {
      const factor = payment.fraud ? 0.2 : 1.5;
      return { ...payment, amountMinor: Math.max(1, Math.round(payment.amountMinor * factor)) };
    },
  },
  /** Almost no compromised terminals, but several times as much card testing. */
  frauds: { fraud: { compromisedTerminals: 0.1, stolenCards: 2.4, testingBursts: 7.2, binTestings: 1.6 } },
  /** Every second terminal is replaced by an unknown one. */
  terminals: {
    change(payment) {
      const { terminalId } = payment;
      return terminalId !== null && /[02468]$/.test(terminalId)
        ? { ...payment, terminalId: `${terminalId}N` }
        : payment;
    },
  },
};

/**
 * The payment after a shift, if it took place at or after `fromMs`. A shift in fraud rates changes no payments.
 */
export function shiftPayment(payment: SimulatedPayment, shift: ShiftName, fromMs: number): SimulatedPayment {
  return payment.occurredAtMs < fromMs ? payment : (SHIFTS[shift].change?.(payment) ?? payment);
}

/** All payments of a simulation with a shift; endless, in event order. `fromMs` is the start of a day (UTC). */
export function* shiftedTraffic(
  simulation: SimulationOptions,
  shift: ShiftName,
  fromMs: number,
): Generator<SimulatedPayment, void, void> {
  for (const payment of createSimulation(simulation)) {
    if (payment.occurredAtMs >= fromMs) break;
    yield payment;
  }
  // A simulated day depends only on the seed and its date, so another simulation can continue where this one ends.
  const { fraud = simulation.fraud } = SHIFTS[shift];
  const after = createSimulation({ ...simulation, ...(fraud === undefined ? {} : { fraud }) });
  for (const payment of after.payments(fromMs)) yield shiftPayment(payment, shift, fromMs);
}
