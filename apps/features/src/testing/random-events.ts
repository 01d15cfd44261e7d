import type { OutgoingRecord } from "@tripline/kafka/port";
import { cardOf, label, labelRecord, payment, paymentRecord, randomNumbers, START_MS } from "./events.js";

/** Payments, some of them late, and labels of a few cards at a few terminals. */
export function randomEvents(name: string, count: number, seed: number): OutgoingRecord[] {
  const below = randomNumbers(seed);
  return Array.from({ length: count }, (_, index) => {
    const common = {
      clientTransactionId: `${name}-${index}`,
      cardToken: cardOf(below(12)),
      terminalId: `t-${below(3)}`,
      occurredAtMs: START_MS + index * 60_000 + below(3_600_000) - (below(8) === 0 ? 86_400_000 : 0),
    };
    // Some labels replace an earlier label that may have been counted hours before.
    const replacedAtMs = index % 3 === 0 ? common.occurredAtMs - (index % 5) * 3_600_000 : undefined;
    const times = { labelledAtMs: common.occurredAtMs, replacedAtMs };
    return below(4) === 0
      ? labelRecord(label({ ...common, ...times, fraud: below(2) === 0 }))
      : paymentRecord(payment({ ...common, amountMinor: below(90_000) }));
  });
}
