import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { readRange } from "@tripline/kafka/consumer/read-range";
import type { IncomingRecord, Kafka } from "@tripline/kafka/port";

export interface Ledger {
  readonly accepted: number;
  /** Accepted payments with a decision in the topic. */
  readonly decided: number;
  /** Ids (`txn_…`) of accepted payments without a decision. */
  readonly lost: readonly string[];
  /** Ids of accepted payments with two different decisions, which must never happen. */
  readonly contradicted: readonly string[];
  /** Accepted payments with repeated but identical decisions (at-least-once delivery). */
  readonly repeated: number;
}

export function ledgerLine(ledger: Ledger): string {
  const { accepted, decided, lost, contradicted, repeated } = ledger;
  return `ledger: accepted=${accepted} decided=${decided} lost=${lost.length} duplicated=${contradicted.length} repeated=${repeated}`;
}

/** True if every accepted payment got exactly one decision. */
export function balances(ledger: Ledger): boolean {
  return ledger.lost.length === 0 && ledger.contradicted.length === 0 && ledger.decided === ledger.accepted;
}

/**
 * Compares the accepted payments with the `decisions` topic.
 *
 * @param accepted the API's payment ids (`txn_…`): clients' own ids are not unique across tenants
 */
export async function closeLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<Ledger> {
  const decided = new Map<string, string>();
  const contradicted = new Set<string>();
  const repeated = new Set<string>();
  await readTopic(kafka, TOPICS.decisions.name, (record) => {
    const id = Decision.decode(record.value).transactionId;
    // Other payments are out of scope. A payment that was sent again after its first decision expired has two
    // decisions.
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
/** Each check reads the whole topic with a new consumer group, so checks are spaced out. */
const SETTLE_POLL_MS = 500;

/**
 * Waits until every accepted payment has its decision in the topic, for at most one minute: a 202 response means that a
 * payment is not decided yet, and callers receive a decision before it is in the topic.
 */
export async function awaitLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<Ledger> {
  const endMs = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const ledger = await closeLedger(kafka, accepted);
    if (balances(ledger) || Date.now() > endMs) return ledger;
    await delay(SETTLE_POLL_MS);
  }
}

/** Like `awaitLedger`. @returns the ledger's line @throws Error if the ledger does not balance */
export async function settledLedger(kafka: Kafka, accepted: ReadonlySet<string>): Promise<string> {
  const ledger = await awaitLedger(kafka, accepted);
  if (balances(ledger)) return ledgerLine(ledger);
  throw new Error(`The ledger does not balance: ${ledgerLine(ledger)}`);
}

/** Reads a topic, or its dead letters, from the beginning to the current end. */
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
