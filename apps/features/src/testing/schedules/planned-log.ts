import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { specOf } from "@tripline/feature-engine/testing/specs";
import type { IncomingRecord } from "@tripline/kafka/port";
import {
  cardOf,
  delivered,
  label,
  labelRecord,
  payment,
  paymentRecord,
  START_MS,
  update,
  updateRecord,
} from "../events.js";

/** One partition of a topic, starting at offset 0. */
export interface PlannedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
}

const CARDS = 3;
const TERMINALS = 3;
const PAYMENT_PARTITIONS = 2;
/** The device of all payments. */
const DEVICE = `dt_${"d".repeat(32)}`;
const PAYMENTS = 9;
const LABELS = 3;
const UPDATES = 3;
/** One in this many payments is on its topic twice, as after a client's retry. */
const REPEATED_ONE_IN = 6;

/** Only a few features, to keep schedules fast, because only the order of the steps matters. */
export const scheduleEngine = compileEngine(
  specOf({ "1d": { width: "1d", tile: "1h" } }, [
    { kind: "count", entity: "card", window: "1d" },
    { kind: "sum", entity: "card", window: "1d" },
    { kind: "count", entity: "terminal", window: "1d" },
    { kind: "mean", entity: "terminal", window: "1d" },
    { kind: "fraud_count", entity: "terminal", window: "1d" },
    { kind: "update_count", entity: "card", window: "1d" },
    { kind: "update_count", entity: "terminal", window: "1d" },
    { kind: "neighbours", entity: "device", of: "card", window: "1d", counts: "fraud" },
  ]),
);

/**
 * Records on the topics: payments of a few cards at shared terminals, by card in two partitions, labels, and payment
 * updates.
 */
export function planLog(below: (bound: number) => number): PlannedPartition[] {
  const payments: IncomingRecord[][] = Array.from({ length: PAYMENT_PARTITIONS }, () => []);
  const labels: IncomingRecord[] = [];
  const updates: IncomingRecord[] = [];
  for (let index = 0; index < PAYMENTS; index += 1) {
    const card = below(CARDS);
    const partition = card % PAYMENT_PARTITIONS;
    const records = payments[partition] ?? [];
    const transaction = payment({
      clientTransactionId: `p-${index}`,
      cardToken: cardOf(card),
      terminalId: `t-${below(TERMINALS)}`,
      deviceToken: DEVICE,
      amountMinor: 1 + below(10_000),
      occurredAtMs: START_MS + below(3_600_000),
    });
    const times = below(REPEATED_ONE_IN) === 0 ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      records.push(delivered(paymentRecord(transaction), records.length, partition));
    }
    if (labels.length < LABELS && below(2) === 0) {
      const { clientTransactionId, cardToken, terminalId, occurredAtMs } = transaction;
      const change = { clientTransactionId, cardToken, terminalId, occurredAtMs, labelledAtMs: START_MS + 7_200_000 };
      labels.push(delivered(labelRecord(label(change)), labels.length));
    }
    if (updates.length < UPDATES && below(2) === 0) {
      const { clientTransactionId, cardToken, occurredAtMs } = transaction;
      const change = { clientTransactionId, cardToken, updatedAtMs: occurredAtMs };
      updates.push(delivered(updateRecord(update(change)), updates.length));
    }
  }
  const planned = payments.map((records, partition) => ({ topic: TOPICS.transactions.name, partition, records }));
  return [
    ...planned,
    { topic: TOPICS.labels.name, partition: 0, records: labels },
    { topic: TOPICS.paymentUpdates.name, partition: 0, records: updates },
  ];
}
