import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { readRange } from "@tripline/kafka/consumer/read-range";
import type { IncomingRecord, Kafka } from "@tripline/kafka/port";

export interface Ledger {
  readonly accepted: number;
  /** Accepted payments with a decision on the topic. */
  readonly decided: number;
  /** Ids (`txn_…`) of accepted payments without one. */
  readonly lost: readonly string[];
  /** Ids of accepted payments with two different decisions, which must never happen. */
  readonly contradicted: readonly string[];
  /** Accepted payments whose decision is on the topic more than once: at-least-once delivery, the same bytes. */
  readonly repeated: number;
}

export function ledgerLine(ledger: Ledger): string {
  const { accepted, decided, lost, contradicted, repeated } = ledger;
  return `ledger: accepted=${accepted} decided=${decided} lost=${lost.length} duplicated=${contradicted.length} repeated=${repeated}`;
}

/** True when every accepted payment got exactly one decision. */
export function balances(ledger: Ledger): boolean {
  return ledger.lost.length === 0 && ledger.contradicted.length === 0 && ledger.decided === ledger.accepted;
}

/**
 * Compares what the API accepted with what is on the `decisions` topic.
 *
 * @param accepted the ids (`txn_…`) by which the API names payments: a client's own id may be another tenant's, too
 */
export async function closeLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<Ledger> {
  const decided = new Map<string, string>();
  const contradicted = new Set<string>();
  const repeated = new Set<string>();
  await readTopic(kafka, TOPICS.decisions.name, (record) => {
    const id = Decision.decode(record.value).transactionId;
    // Of other payments nothing is known here: one that was sent again after its first decision was forgotten has two.
    if (!accepted.has(id)) return;
    const bytes = record.value.toString("latin1");
    const before = decided.get(id);
    if (before === undefined) decided.set(id, bytes);
    else if (before === bytes) repeated.add(id);
    else contradicted.add(id);
  });
  const lost = [...accepted].filter((id) => !decided.has(id));
  return {
    accepted: accepted.size,
    decided: accepted.size - lost.length,
    lost,
    contradicted: [...contradicted],
    repeated: repeated.size,
  };
}

const SETTLE_MS_MAX = 60_000;
/** Each look reads the whole topic and joins a group of its own, so looks are not made back to back. */
const SETTLE_POLL_MS = 500;

/**
 * Waits until every accepted payment has its one decision on the topic, a minute at most: what was answered with 202 is not
 * decided yet, and a caller is told of a decision before it is on the topic.
 */
export async function awaitLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<Ledger> {
  const endMs = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const ledger = await closeLedger(kafka, accepted);
    if (balances(ledger) || Date.now() > endMs) return ledger;
    await delay(SETTLE_POLL_MS);
  }
}

/** As `awaitLedger`. @returns the line that tells of it. @throws Error when it does not balance */
export async function settledLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<string> {
  const ledger = await awaitLedger(kafka, accepted);
  if (balances(ledger)) return ledgerLine(ledger);
  throw new Error(`The ledger does not balance: ${ledgerLine(ledger)}`);
}

/** Reads a topic of the table, or its dead letters, from its beginning to where it ends now. */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  onRecord: (record: IncomingRecord) => void,
): Promise<void> {
  const admin = await kafka.admin();
  const [starts, ends] = [await admin.startOffsets(topic), await admin.endOffsets(topic)];
  await admin.close();
  await readRange(kafka, {
    group: `read-${topic}-${randomUUID()}`,
    topic,
    ranges: new Map([...ends].map(([partition, to]) => [partition, { from: starts.get(partition) ?? 0, to }])),
    handle({ records }) {
      for (const record of records) onRecord(record);
    },
  });
}
