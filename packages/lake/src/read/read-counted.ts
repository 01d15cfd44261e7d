import { TriplineError } from "@tripline/contracts/error-table";
import type {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "../log/list-files.js";
import type { CountedName, CountedRange, TopicRange } from "./counted-range.js";
import { isFrom, isWithin, recordsInTopic } from "./counted-range.js";
import type { Row } from "./row-message.js";
import { appliedLabelOf, appliedPaymentUpdateOf, vectorOf } from "./row-message.js";
import { LakeScan } from "./scan-lake.js";

/** Events between two progress reports. */
const CHUNK_EVENTS = 2_048;

/**
 * An event as the feature service counted it: a payment with its vector, or a label or payment update with its
 * position.
 */
export type CountedEvent =
  | { readonly kind: "payment"; readonly vector: FeatureVector }
  | { readonly kind: "label"; readonly applied: AppliedLabel }
  | { readonly kind: "update"; readonly applied: AppliedPaymentUpdate };

export interface ReadCountedOptions {
  /** The folder that the archive service writes to. */
  readonly lake: string;
  /** UTC, `YYYY-MM-DD`, by event time. Default: all days. */
  readonly days?: readonly string[];
  /**
   * Returns each event only once, even if records show that it was counted several times, for example after Redis had
   * lost it.
   */
  readonly once?: boolean;
  /** Returns only these records. Default: all */
  readonly range?: CountedRange;
}

/** An event and the position of the record that shows that it was counted. */
export interface PlacedEvent {
  readonly event: CountedEvent;
  readonly topic: CountedName;
  readonly partition: number;
  readonly offset: number;
}

/** Totals of the archive. */
export interface CountedTotals {
  /**
   * Number of times that events were counted: once for each event, unless a late retry by a client was counted again.
   */
  readonly events: number;
  /** Number of records of these topics that were in Kafka but are not in the archive. */
  readonly missing: number;
}

/**
 * Payments with their vectors, and labels and payment updates with their positions, as the feature service emitted
 * them, in chunks and approximately in the order in which they were counted. Records that were delivered more than once
 * are returned more than once, except for events that were counted while states were lost: these are returned once, and
 * only if they were not also counted at another time.
 *
 * @throws TriplineError `not-found` if nothing is archived; `lake-unavailable`, `invalid-field`
 */
export async function* readCounted(options: ReadCountedOptions): AsyncGenerator<CountedEvent[]> {
  for await (const chunk of readPlaced(options)) yield chunk.map(({ event }) => event);
}

/** Like `readCounted`, but with the position of each record. */
export async function* readPlaced(options: ReadCountedOptions): AsyncGenerator<PlacedEvent[]> {
  await requireArchive(options);
  const scan = await LakeScan.open();
  try {
    yield* merge(COUNTED.map((counted) => readTopic(scan, options, counted)));
  } finally {
    await scan.close();
  }
}

/** Throws like `readCounted`. */
export async function totalCounted(lake: string, range?: CountedRange): Promise<CountedTotals> {
  const scan = await LakeScan.open();
  try {
    const totals = { events: 0, missing: 0 };
    for (const counted of COUNTED) {
      const ofTopic = range?.[counted.name];
      totals.missing += await recordsOf(lake, counted.topic, ofTopic);
      const files = await scan.table(lake, counted.topic, ADDED_COLUMNS, undefined, ofTopic?.since);
      if (files === undefined) continue;
      const table = narrow(files, ofTopic, isWithin);
      const { events, records } = await scan.row(`
        SELECT count(DISTINCT struct_pack(id := ${counted.id}, number := sequences[1])) AS events,
          (SELECT count(DISTINCT struct_pack(p := kafka_partition, o := kafka_offset)) FROM ${narrow(files, ofTopic, isFrom)}) AS records
        FROM (${rowsOf(table, counted, false)})`);
      totals.events += Number(events);
      totals.missing -= Number(records);
    }
    return totals;
  } finally {
    await scan.close();
  }
}

/** Number of Kafka records up to the archive's position. */
async function recordsOf(lake: string, topic: Topic, range: TopicRange | undefined): Promise<number> {
  if (range !== undefined) return recordsInTopic(range);
  if (!(await isArchived(lake, topic))) return 0;
  return [...(await listFiles(lake, topic.name, [])).positions.values()].reduce((sum, end) => sum + end, 0);
}

function narrow(files: string, range: TopicRange | undefined, condition: (range: TopicRange) => string): string {
  return range === undefined ? files : `(SELECT * FROM ${files} WHERE ${condition(range)})`;
}

interface Timed {
  readonly atMs: number;
  readonly event: CountedEvent;
}

interface TimedPlace extends Timed, PlacedEvent {}

interface CountedTopic {
  readonly name: CountedName;
  readonly topic: Topic;
  /** Columns that identify an event, and when it was counted. */
  readonly id: string;
  readonly time: string;
  parse(row: Row): Timed;
}

const COUNTED: readonly CountedTopic[] = [
  {
    name: "features",
    topic: TOPICS.features,
    id: "transaction_id",
    time: "computed_at_ms",
    parse(row) {
      const vector = vectorOf(row);
      return { atMs: vector.computedAtMs, event: { kind: "payment", vector } };
    },
  },
  {
    name: "appliedLabels",
    topic: TOPICS.appliedLabels,
    id: "label_id",
    time: "applied_at_ms",
    parse(row) {
      const applied = appliedLabelOf(row);
      return { atMs: applied.appliedAtMs, event: { kind: "label", applied } };
    },
  },
  {
    name: "appliedPaymentUpdates",
    topic: TOPICS.appliedPaymentUpdates,
    id: "update_id",
    time: "applied_at_ms",
    parse(row) {
      const applied = appliedPaymentUpdateOf(row);
      return { atMs: applied.appliedAtMs, event: { kind: "update", applied } };
    },
  },
];

const ADDED_COLUMNS = { incomplete: "BOOLEAN" };

/** A topic without any records has no archive; if no topic has an archive, the folder must be wrong. */
async function requireArchive({ lake, days = [] }: ReadCountedOptions): Promise<void> {
  try {
    await listFiles(lake, TOPICS.features.name, days);
  } catch (error) {
    const isMissing = error instanceof TriplineError && error.code === "not-found";
    if (!isMissing || !(await isArchived(lake, TOPICS.appliedLabels))) throw error;
  }
}

async function isArchived(lake: string, { name }: Topic): Promise<boolean> {
  try {
    return (await listFiles(lake, name)).files.length > 0;
  } catch (error) {
    if (error instanceof TriplineError && error.code === "not-found") return false;
    throw error;
  }
}

async function* readTopic(
  scan: LakeScan,
  { lake, days, once, range }: ReadCountedOptions,
  counted: CountedTopic,
): AsyncGenerator<TimedPlace> {
  const ofTopic = range?.[counted.name];
  const files = await scan.table(lake, counted.topic, ADDED_COLUMNS, days, ofTopic?.since);
  if (files === undefined) return;
  const table = narrow(files, ofTopic, isWithin);
  const rows = scan.rows(
    `${rowsOf(table, counted, once ?? false)} ORDER BY ${counted.time}, kafka_partition, kafka_offset`,
  );
  for await (const chunk of rows) for (const row of chunk) yield placedOf(counted, row);
}

function placedOf(counted: CountedTopic, row: Row): TimedPlace {
  const place = { topic: counted.name, partition: Number(row.kafka_partition), offset: Number(row.kafka_offset) };
  return { ...counted.parse(row), ...place };
}

/**
 * The rows that were counted normally, plus one row for each event that was counted while states were lost: its first
 * record, if no other record of the event has a valid number.
 */
function rowsOf(table: string, { id, time }: CountedTopic, once: boolean): string {
  const first = (order: string) => `QUALIFY row_number() OVER (PARTITION BY ${id} ORDER BY ${order}) = 1`;
  const place = `${time}, kafka_partition, kafka_offset`;
  if (once) return `SELECT * FROM (SELECT * FROM ${table} ${first(`coalesce(incomplete, false), ${place}`)})`;
  // Both joins go from the smaller to the larger side, so that the ids of all events do not have to fit into memory.
  return `
    SELECT * FROM ${table} WHERE NOT coalesce(incomplete, false)
    UNION ALL BY NAME
    SELECT * FROM (
      SELECT * FROM ${table} WHERE incomplete AND ${id} NOT IN (
        SELECT ${id} FROM ${table}
        WHERE NOT coalesce(incomplete, false) AND ${id} IN (SELECT ${id} FROM ${table} WHERE incomplete)
      ) ${first(place)}
    )`;
}

/** Merges streams in time order, in chunks. Among records with the same time, those of the first stream come first. */
async function* merge(streams: readonly AsyncGenerator<TimedPlace>[]): AsyncGenerator<PlacedEvent[]> {
  let chunk: PlacedEvent[] = [];
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    let first = -1;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const [index, head] of heads.entries()) {
      if (head.done === true || head.value.atMs >= firstMs) continue;
      first = index;
      firstMs = head.value.atMs;
    }
    const [head, stream] = [heads[first], streams[first]];
    if (head === undefined || head.done === true || stream === undefined) break;
    chunk.push(head.value);
    heads[first] = await stream.next();
    if (chunk.length < CHUNK_EVENTS) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
