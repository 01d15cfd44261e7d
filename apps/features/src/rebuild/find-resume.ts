import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import type { TailRecord } from "@tripline/lake/read/read-tail";
import { readTail } from "@tripline/lake/read/read-tail";
import { foldEvents } from "../batches/fold-events.js";
import type { EventRecord } from "../batches/parse-event.js";
import { parseEvent } from "../batches/parse-event.js";

export interface FindResumeOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  readonly source: "transactions" | "labels";
  /** By partition: the offset from which records are re-delivered. Those before it are done. */
  readonly committed: ReadonlyMap<number, number>;
  /** The rebuilt state of an entity. */
  readonly stateOf: (key: string) => Uint8Array | null;
}

export interface Resume {
  /** By partition: the last record that must not be counted again; absent where nothing was counted. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Records that were counted and will be counted again, because the card has seen too much since to remember them. */
  readonly doubled: number;
}

/** One partition between its committed offset and the last record that led to something. */
interface Walk {
  last: number;
  /** Whether a record was met that led to nothing yet: it has to be counted when it comes again. */
  isOver: boolean;
}

/**
 * Finds where each partition resumes: after the records whose results are in the lake. Records are re-delivered from the
 * committed offset on. Of those that a crash left in between, the lake shows which were emitted and therefore count.
 *
 * The results of one partition go to one partition too, in order, as long as both topics have the same number of them. If
 * they do not, a record without a result may come before one with a result; then the latter is re-delivered, and its card
 * must still remember it.
 *
 * @throws TriplineError `database-unavailable`
 */
export async function findResume(options: FindResumeOptions): Promise<Resume> {
  const { engine, lake, source, committed, stateOf } = options;
  const walks = new Map<number, Walk>();
  for (const [partition, offset] of committed) walks.set(partition, startAt(offset));
  let doubled = 0;
  for await (const record of readTail(lake, source, committed)) {
    const walk = walks.get(record.partition) ?? startAt(0);
    walks.set(record.partition, walk);
    const event = countableEvent(engine, record);
    walk.isOver ||= event !== undefined && !record.isEmitted;
    if (!walk.isOver) walk.last = record.offset;
    else if (event !== undefined && record.isEmitted && isForgotten(engine, event, stateOf)) doubled += 1;
  }
  return { offsets: new Map([...walks].map(([partition, { last }]) => [partition, last])), doubled };
}

function startAt(offset: number): Walk {
  return { last: offset - 1, isOver: false };
}

/** The record as the service will read it; undefined if it will be a dead letter, as it was the first time. */
export function countableEvent(engine: FeatureEngine, record: TailRecord): EventRecord | undefined {
  const { partition, offset } = record;
  const [topic, value] =
    record.kind === "payment"
      ? [TOPICS.transactions.name, Transaction.encode(record.transaction).finish()]
      : [TOPICS.labels.name, Label.encode(record.label).finish()];
  const incoming = { topic, partition, offset, key: "", value: Buffer.from(value), headers: {}, timestampMs: 0 };
  try {
    const event = parseEvent(engine, incoming);
    const nothing = new Map(keysOf(event).map((key) => [key, null]));
    foldEvents(engine, nothing, [event], { nowMs: 0, incomplete: false });
    return event;
  } catch (thrown) {
    if (asTriplineError(thrown).row.kafka === "dead-letter") return undefined;
    throw thrown;
  }
}

/** Whether the record would count again, because its card has seen too much since to remember it. */
function isForgotten(engine: FeatureEngine, event: EventRecord, stateOf: (key: string) => Uint8Array | null): boolean {
  const stored = new Map(keysOf(event).map((key) => [key, stateOf(key)]));
  return foldEvents(engine, stored, [event], { nowMs: 0, incomplete: false }).emissions.length > 0;
}

function keysOf(event: EventRecord): string[] {
  return event.stateKeys.filter((key) => key !== undefined);
}

/** @throws TriplineError `state-conflict` where records would count twice */
export function requireOnce({ doubled }: Resume, source: string): void {
  if (doubled === 0) return;
  throw new TriplineError(
    "state-conflict",
    `${doubled} records of ${source} have a result while an earlier record of their partition has none, and too much has ` +
      "happened since to recognise them: they would count twice. Accept that with --partial.",
  );
}
