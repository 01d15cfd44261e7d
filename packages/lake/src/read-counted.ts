import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import {
  AppliedLabel,
  FeatureVector,
  Label,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "./list-files.js";
import { filesTable } from "./read-rows.js";

/** Memory that DuckDB may use before it spills to disk. */
const MEMORY_LIMIT = "1GB";
/** Events that are folded between two reports of progress. */
const CHUNK_EVENTS = 2_048;

/** An event as features counted it: a payment with its vector, or a label with its place in the order of events. */
export type CountedEvent =
  | { readonly kind: "payment"; readonly vector: FeatureVector }
  | { readonly kind: "label"; readonly applied: AppliedLabel };

export interface ReadCountedOptions {
  /** The folder that the archive service writes to. */
  readonly lake: string;
  /** UTC, `YYYY-MM-DD`, by event time; all days unless given. */
  readonly days?: readonly string[];
}

/**
 * Payments with their vectors and labels with their places, as features emitted them, about in the order in which they
 * were counted, in chunks.
 *
 * @throws TriplineError `not-found` where nothing is archived; `database-unavailable`, `invalid-field`
 */
export async function* readCounted(options: ReadCountedOptions): AsyncGenerator<CountedEvent[]> {
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: MEMORY_LIMIT });
  try {
    const vectors = readTopic(instance, options, TOPICS.features, vectorOf);
    const labels = readTopic(instance, options, TOPICS.appliedLabels, labelOf);
    yield* merge(vectors, labels);
  } finally {
    instance.closeSync();
  }
}

interface Timed {
  readonly atMs: number;
  readonly event: CountedEvent;
}

type Row = Readonly<Record<string, unknown>>;

async function* readTopic(
  instance: DuckDBInstance,
  { lake, days }: ReadCountedOptions,
  topic: Topic,
  parse: (row: Row) => Timed,
): AsyncGenerator<Timed> {
  const files = await filesOf(lake, topic.name, days);
  if (files.length === 0) return;
  const connection = await instance.connect();
  try {
    const time = topic === TOPICS.features ? "computed_at_ms" : "applied_at_ms";
    const rows = await connection.stream(
      `SELECT * FROM ${filesTable(files)} ORDER BY ${time}, kafka_partition, kafka_offset`,
    );
    for await (const chunk of rows.yieldRowObjectJs()) for (const row of chunk) yield parse(row);
  } finally {
    connection.closeSync();
  }
}

/** A topic on which nothing was written yet has no archive; both missing is a wrong folder. */
async function filesOf(lake: string, topic: string, days: readonly string[] | undefined): Promise<string[]> {
  try {
    return (await listFiles(lake, topic, days)).files.map(({ path }) => path);
  } catch (error) {
    const isFirst = topic === TOPICS.features.name;
    if (error instanceof TriplineError && error.code === "not-found" && !isFirst) return [];
    throw error;
  }
}

/** Two streams in the order of time, in chunks. */
async function* merge(one: AsyncGenerator<Timed>, other: AsyncGenerator<Timed>): AsyncGenerator<CountedEvent[]> {
  let chunk: CountedEvent[] = [];
  let [left, right] = [await one.next(), await other.next()];
  while (!(left.done === true && right.done === true)) {
    const takeLeft = right.done === true || (left.done !== true && left.value.atMs <= right.value.atMs);
    const next = takeLeft ? left : right;
    if (next.done !== true) chunk.push(next.value.event);
    if (takeLeft) left = await one.next();
    else right = await other.next();
    if (chunk.length < CHUNK_EVENTS) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

const NOTHING = new Uint8Array();

function vectorOf(row: Row): Timed {
  const fields = fieldsOf(row);
  const transaction = filled(Transaction.decode(NOTHING), fields);
  const vector = { ...filled(FeatureVector.decode(NOTHING), fields), transaction };
  return { atMs: vector.computedAtMs, event: { kind: "payment", vector } };
}

function labelOf(row: Row): Timed {
  const fields = fieldsOf(row);
  const label = filled(Label.decode(NOTHING), fields);
  const applied = { ...filled(AppliedLabel.decode(NOTHING), fields), label };
  return { atMs: applied.appliedAtMs, event: { kind: "label", applied } };
}

/** A message with the fields that a row has. The archive wrote each column from the field of that name and type. */
function filled<M extends object>(empty: M, fields: ReadonlyMap<string, unknown>): M {
  const entries = Object.entries(empty).map(([name, absent]) => [name, fields.get(name) ?? absent]);
  return Object.fromEntries(entries) as M;
}

/** By name of the field, whose words a column parts by underscores. */
function fieldsOf(row: Row): Map<string, unknown> {
  return new Map(Object.entries(row).map(([column, value]) => [camelCase(column), plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

function camelCase(column: string): string {
  return column.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase());
}
