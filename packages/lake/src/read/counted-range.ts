import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import { topicFolder } from "../lake-layout.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { openDisk } from "../log/open-disk.js";
import { positionsOf, readEntry, readTail } from "../log/read-log.js";

/** The topics whose records show that an event was counted. */
export const COUNTED_NAMES = ["features", "appliedLabels", "appliedPaymentUpdates"] as const;
export type CountedName = (typeof COUNTED_NAMES)[number];

/** The end of a topic's archive at a certain moment. */
export interface TopicCut {
  /** The topic and its Kafka cluster; empty if nothing was archived. */
  readonly source: string;
  /** Its last log entry; 0 if it has none. */
  readonly sequence: number;
  /** By partition: the offset up to which all records are in the lake. */
  readonly positions: ReadonlyMap<number, number>;
}

export type LakeCut = Readonly<Record<CountedName, TopicCut>>;

/** The positions in one topic from which states may lack records. */
export interface TopicStart {
  /** See `TopicCut`. */
  readonly source: string;
  /** Files of this log entry and of earlier entries contain no such record. */
  readonly since: number;
  /** By partition: the first record that some states may lack. Other states may already include it. */
  readonly ordered: ReadonlyMap<number, number>;
  /**
   * By partition: the first record that all states lack. Earlier records that were counted while states were lost are
   * included in all states.
   */
  readonly counted: ReadonlyMap<number, number>;
}

export interface TopicRange extends TopicStart {
  /** By partition: the first record after the range. */
  readonly until: ReadonlyMap<number, number>;
}

export type CountedStart = Readonly<Record<CountedName, TopicStart>>;
export type CountedRange = Readonly<Record<CountedName, TopicRange>>;

const BEGINNING: TopicStart = { source: "", since: 0, ordered: new Map(), counted: new Map() };
export const FROM_BEGINNING: CountedStart = byCountedName(() => BEGINNING);

/** @throws TriplineError `lake-unavailable`, `state-unreadable` */
export async function cutLake(lake: string): Promise<LakeCut> {
  const disk = await openDisk(lake);
  return awaitByName(async (name) => {
    const tail = await readTail(disk, topicFolder(lake, TOPICS[name].name));
    const { cluster, topic } = tail.entry?.source ?? {};
    const source = cluster === undefined ? "" : `${cluster}/${topic}`;
    return { source, sequence: tail.sequence, positions: positionsOf(tail) };
  });
}

/** By partition, for each topic that the feature service reads: the offset up to which all records are in the lake. */
export type SourcePositions = Readonly<Record<FeatureSource, ReadonlyMap<number, number>>>;

/** @throws TriplineError like `cutLake` */
export async function readSourcePositions(lake: string): Promise<SourcePositions> {
  const disk = await openDisk(lake);
  const of = async (name: FeatureSource) => positionsOf(await readTail(disk, topicFolder(lake, TOPICS[name].name)));
  return {
    transactions: await of("transactions"),
    labels: await of("labels"),
    paymentUpdates: await of("paymentUpdates"),
  };
}

/**
 * The last log entry of a topic up to which all records have offsets below the given ones.
 *
 * @param offsets by partition; 0 for other partitions
 * @throws TriplineError like `cutLake`
 */
export async function entryBefore(
  lake: string,
  name: CountedName | FeatureSource,
  offsets: ReadonlyMap<number, number>,
  last?: number,
  given?: LakeDisk,
): Promise<number> {
  const disk = given ?? (await openDisk(lake));
  const folder = topicFolder(lake, TOPICS[name].name);
  // Positions never decrease, so a binary search reads few entries of a long log.
  let [before, after] = [0, (last ?? (await readTail(disk, folder)).sequence) + 1];
  while (after - before > 1) {
    const sequence = Math.floor((before + after) / 2);
    const entry = await readEntry(disk, folder, sequence);
    if (entry === undefined) return 0;
    const positions = positionsOf({ sequence, entry });
    if ([...positions].every(([partition, end]) => end <= (offsets.get(partition) ?? 0))) before = sequence;
    else after = sequence;
  }
  return before;
}

/** @returns undefined if the start belongs to another lake, because its topics differ or it is ahead of the cut */
export function rangeOf(start: CountedStart, cut: LakeCut): CountedRange | undefined {
  const isOther = COUNTED_NAMES.some((name) => {
    const { source, counted } = start[name];
    const { source: sourceNow, positions } = cut[name];
    if (source !== "" && source !== sourceNow) return true;
    return [...counted].some(([partition, offset]) => offset > (positions.get(partition) ?? 0));
  });
  if (isOther) return undefined;
  return byCountedName((name) => ({ ...start[name], until: cut[name].positions }));
}

/**
 * The start of the range after a cut.
 *
 * @param ordered by topic and partition: the first earlier record that must be read again
 * @throws TriplineError like `cutLake`
 */
export async function startAfter(
  lake: string,
  cut: LakeCut,
  ordered: Readonly<Record<CountedName, ReadonlyMap<number, number>>>,
): Promise<CountedStart> {
  return awaitByName(async (name) => {
    const { source, sequence, positions: counted } = cut[name];
    const lowered = new Map(
      [...counted].map(([partition, end]) => [partition, Math.min(end, ordered[name].get(partition) ?? end)]),
    );
    const since = await entryBefore(lake, name, lowered, sequence);
    return { source, since, ordered: lowered, counted };
  });
}

export function byCountedName<T>(make: (name: CountedName) => T): Record<CountedName, T> {
  return {
    features: make("features"),
    appliedLabels: make("appliedLabels"),
    appliedPaymentUpdates: make("appliedPaymentUpdates"),
  };
}

async function awaitByName<T>(make: (name: CountedName) => Promise<T>): Promise<Record<CountedName, T>> {
  return {
    features: await make("features"),
    appliedLabels: await make("appliedLabels"),
    appliedPaymentUpdates: await make("appliedPaymentUpdates"),
  };
}

/** Number of records in a range, including those that were never archived. */
export function recordsIn(range: CountedRange): number {
  return COUNTED_NAMES.reduce((sum, name) => sum + recordsInTopic(range[name]), 0);
}

/** Like `recordsIn`, but for one topic. */
export function recordsInTopic({ ordered, until }: TopicRange): number {
  const sumOf = (offsets: ReadonlyMap<number, number>) => [...offsets.values()].reduce((sum, end) => sum + end, 0);
  return sumOf(until) - sumOf(ordered);
}

/** SQL: whether a record of the topic is within the range. */
export function isWithin(range: TopicRange): string {
  const first = `CASE WHEN coalesce(incomplete, false) THEN ${offsetOf(range.counted)} ELSE ${offsetOf(range.ordered)} END`;
  return `kafka_offset >= ${first} AND kafka_offset < ${offsetOf(range.until)}`;
}

/** SQL: like `isWithin`, but includes records not read again because they were counted while states were lost. */
export function isFrom({ ordered, until }: TopicRange): string {
  return `kafka_offset >= ${offsetOf(ordered)} AND kafka_offset < ${offsetOf(until)}`;
}

function offsetOf(offsets: ReadonlyMap<number, number>): string {
  const cases = [...offsets].map(([partition, offset]) => `WHEN ${partition} THEN ${offset}`);
  return cases.length === 0 ? "0" : `(CASE kafka_partition ${cases.join(" ")} ELSE 0 END)`;
}
