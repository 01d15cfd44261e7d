import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { RESULTS } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "../log/list-files.js";
import type { TailRecord } from "./read-tail.js";
import { TAILS } from "./read-tail.js";
import { LakeScan } from "./scan-lake.js";

/** Records of one partition with consecutive offsets. */
export interface OffsetSpan {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

/** A record whose result is not in the lake. */
export interface LostRecord {
  readonly record: TailRecord;
  /** When Kafka received it, in milliseconds since the epoch. */
  readonly timestampMs: number;
}

/**
 * The offsets that the archive of a topic has skipped: dead letters, and records that Kafka deleted before they were
 * archived.
 *
 * @throws TriplineError `not-found` if the topic was never archived; `lake-unavailable`
 */
export async function missingOffsets(lake: string, topic: string): Promise<readonly OffsetSpan[]> {
  const { positions } = await listFiles(lake, topic, []);
  const scan = await LakeScan.open();
  try {
    const table = await scan.table(lake, { name: topic });
    const ends = [...positions].map(([partition, end]) => `(${partition}, -1), (${partition}, ${end})`);
    if (ends.length === 0) return [];
    const rows = table === undefined ? "" : `UNION SELECT kafka_partition, kafka_offset FROM ${table}`;
    const spans: OffsetSpan[] = [];
    const found = scan.rows(`
      WITH places(p, o) AS (SELECT * FROM (VALUES ${ends.join(", ")}) ${rows}),
        pairs AS (SELECT p, o, lead(o) OVER (PARTITION BY p ORDER BY o) AS next FROM places)
      SELECT p AS partition, o + 1 AS first, next - 1 AS last FROM pairs WHERE next > o + 1 ORDER BY p, o`);
    for await (const chunk of found) {
      for (const row of chunk) {
        spans.push({ partition: Number(row.partition), first: Number(row.first), last: Number(row.last) });
      }
    }
    return spans;
  } finally {
    await scan.close();
  }
}

/**
 * Records of a topic consumed by the feature service that are before the given offsets and have no result in the lake.
 * Each id occurs once, and records are in time order. They include records whose results became dead letters elsewhere.
 *
 * @param before by partition
 * @param max maximum number of records returned
 * @throws TriplineError `lake-unavailable`
 */
export async function readLost(
  lake: string,
  name: FeatureSource,
  before: ReadonlyMap<number, number>,
  max: number,
): Promise<readonly LostRecord[]> {
  const { id, parse } = TAILS[name];
  const scan = await LakeScan.open();
  try {
    const records = await scan.table(lake, TOPICS[name]);
    const results = await scan.table(lake, TOPICS[RESULTS[name]]);
    const cases = [...before].map(([partition, offset]) => `WHEN ${partition} THEN ${offset}`);
    if (records === undefined || cases.length === 0) return [];
    const isLost = results === undefined ? "true" : `${id} NOT IN (SELECT ${id} FROM ${results})`;
    const found: LostRecord[] = [];
    const rows = scan.rows(`
      SELECT *, false AS is_emitted FROM ${records}
      WHERE kafka_offset < CASE kafka_partition ${cases.join(" ")} ELSE 0 END AND ${isLost}
      QUALIFY row_number() OVER (PARTITION BY ${id} ORDER BY kafka_timestamp_ms, kafka_offset) = 1
      ORDER BY kafka_timestamp_ms, kafka_partition, kafka_offset LIMIT ${max}`);
    for await (const chunk of rows) {
      for (const row of chunk) found.push({ record: parse(row), timestampMs: Number(row.kafka_timestamp_ms) });
    }
    return found;
  } finally {
    await scan.close();
  }
}
