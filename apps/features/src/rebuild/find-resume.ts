import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { RESULTS } from "@tripline/contracts/features/feature-sources";
import { Label, PaymentUpdate, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { entryBefore } from "@tripline/lake/read/counted-range";
import type { TailRecord } from "@tripline/lake/read/read-tail";
import { readTail } from "@tripline/lake/read/read-tail";
import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";
import { countableEvent } from "../batches/countable-event.js";
import { foldEvents } from "../batches/fold-events.js";
import type { EventRecord } from "../batches/parse-event.js";
import type { RebuiltStates } from "./folded-lake.js";

export interface FindResumeOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  readonly source: FeatureSource;
  /** For each partition, the committed offset, from which Kafka redelivers records. */
  readonly committed: ReadonlyMap<number, number>;
  /** The snapshot from which the fold started. */
  readonly snapshot?: LakeSnapshot;
}

export interface Resume {
  /** For each partition, the last record that must not be counted again; absent if none was counted. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Counted records that Kafka redelivers. They are counted twice if their cards no longer remember them. */
  readonly again: readonly EventRecord[];
}

/** One partition, between its committed offset and the last record with a result. */
interface Walk {
  last: number;
  /** Whether a record without a result was found, which must be counted when it is redelivered. */
  isOver: boolean;
}

/**
 * Finds where each partition resumes: after the records whose results are in the lake. Kafka redelivers records from
 * the committed offset on. If a crash left records uncommitted, the lake shows which of them were emitted and
 * are therefore already counted.
 *
 * If both topics have the same number of partitions, the results of one partition go to one partition, in order.
 * Otherwise, a record without a result may precede one with a result. The latter is then redelivered, and its card must
 * still remember it.
 *
 * @throws TriplineError `database-unavailable`
 */
export async function findResume(options: FindResumeOptions): Promise<Resume> {
  const { engine, lake, source, committed } = options;
  const after = await filesAfter(options);
  if (after !== undefined) {
    const { resume, isAnyOver } = await walkTail(engine, readTail(lake, source, committed, after), committed);
    // A record without a result may be a retry by a client, whose first delivery has its result in an earlier file.
    if (!isAnyOver) return resume;
  }
  return (await walkTail(engine, readTail(lake, source, committed), committed)).resume;
}

/** The last log entries before the uncommitted records and before their results; undefined if unknown. */
async function filesAfter({ lake, source, committed, snapshot }: FindResumeOptions) {
  if (snapshot === undefined) return undefined;
  const positions = [...snapshot.sources[source]];
  if (positions.some(([partition, end]) => (committed.get(partition) ?? 0) < end)) return undefined;
  const emitted = snapshot.next[RESULTS[source]].since;
  return { source: await entryBefore(lake, source, committed), emitted };
}

async function walkTail(
  engine: FeatureEngine,
  records: AsyncIterable<TailRecord>,
  committed: ReadonlyMap<number, number>,
): Promise<{ readonly resume: Resume; readonly isAnyOver: boolean }> {
  const walks = new Map<number, Walk>();
  for (const [partition, offset] of committed) walks.set(partition, startAt(offset));
  const again: EventRecord[] = [];
  for await (const record of records) {
    const walk = walks.get(record.partition) ?? startAt(0);
    walks.set(record.partition, walk);
    const event = countableRecord(engine, record);
    walk.isOver ||= event !== undefined && !record.isEmitted;
    if (!walk.isOver) walk.last = record.offset;
    else if (event !== undefined && record.isEmitted) again.push(event);
  }
  const offsets = new Map([...walks].map(([partition, { last }]) => [partition, last]));
  return { resume: { offsets, again }, isAnyOver: [...walks.values()].some(({ isOver }) => isOver) };
}

function startAt(offset: number): Walk {
  return { last: offset - 1, isOver: false };
}

/** The record as the service will read it; undefined if it will become a dead letter, as it did the first time. */
export function countableRecord(engine: FeatureEngine, record: TailRecord): EventRecord | undefined {
  const { partition, offset } = record;
  const [topic, value] = encodeAgain(record);
  const incoming = { topic, partition, offset, key: "", value: Buffer.from(value), headers: {}, timestampMs: 0 };
  return countableEvent(engine, incoming);
}

function encodeAgain(record: TailRecord): readonly [topic: string, value: Uint8Array] {
  switch (record.kind) {
    case "payment":
      return [TOPICS.transactions.name, Transaction.encode(record.transaction).finish()];
    case "label":
      return [TOPICS.labels.name, Label.encode(record.label).finish()];
    case "update":
      return [TOPICS.paymentUpdates.name, PaymentUpdate.encode(record.update).finish()];
  }
}

/**
 * The number of records that would count twice because their cards no longer remember them.
 *
 * @throws TriplineError `state-unreadable`
 */
export async function countForgotten(
  engine: FeatureEngine,
  again: readonly EventRecord[],
  states: RebuiltStates,
): Promise<number> {
  const wanted = new Set(again.flatMap(keysOf));
  if (wanted.size === 0) return 0;
  const found = new Map<string, Uint8Array>();
  for await (const [key, { value }] of states.entries()) if (wanted.has(key)) found.set(key, value);
  return again.filter((event) => isForgotten(engine, event, found)).length;
}

function isForgotten(engine: FeatureEngine, event: EventRecord, found: ReadonlyMap<string, Uint8Array>): boolean {
  const stored = new Map(keysOf(event).map((key) => [key, found.get(key) ?? null]));
  return foldEvents(engine, stored, [event], { nowMs: 0, incomplete: false }).emissions.length > 0;
}

function keysOf(event: EventRecord): string[] {
  return event.stateKeys.filter((key) => key !== undefined);
}

/** @throws TriplineError `state-conflict` if records would count twice */
export function requireOnce(doubled: number, source: string): void {
  if (doubled === 0) return;
  throw new TriplineError(
    "state-conflict",
    `${doubled} records of ${source} have a result although an earlier record of their partition has none, and too much has ` +
      "happened since to recognise them, so they would count twice. To accept that, use --partial.",
  );
}
