import { TriplineError } from "@tripline/contracts/error-table";
import type { Topic } from "@tripline/contracts/topics";
import { countRows } from "@tripline/lake/compact/count-rows";
import { dayOf } from "@tripline/lake/lake-layout";
import { listDays, listFiles } from "@tripline/lake/log/list-files";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";

/** By topic and partition: records at or after this offset are ignored. */
export type LakePositions = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Which payments to read. */
export interface ReadOptions {
  /** The folder or URL that the archive service writes to. */
  readonly lake: string;
  /** Payments at or after this time, and labels that arrived after it, are ignored. Milliseconds since the epoch. */
  readonly cutoffMs: number;
  /** Earlier payments are ignored. Default: none are ignored. */
  readonly fromMs?: number;
  /** Only payments of this tenant; default: all tenants. */
  readonly tenant?: string;
  /** Default: everything in the lake. */
  readonly positions?: LakePositions;
  /** Maximum number of records read together, unless one day has more. Default: 1,000,000, about 400 MB of features. */
  readonly recordsTogether?: number;
}

type TopicOptions = Pick<ReadOptions, "lake" | "positions" | "recordsTogether">;

/** A range of days: any time on its first day and any time on its last day, in milliseconds since the epoch. */
interface Times {
  readonly fromMs: number;
  readonly toMs?: number;
}

const DAY_MS = 86_400_000;
const RECORDS_TOGETHER = 1_000_000;

/** SQL condition for the payments that the options select. */
export function paymentsOf({ cutoffMs, fromMs, tenant }: ReadOptions): string {
  const of = tenant === undefined ? "" : ` AND tenant = ${sqlText(tenant)}`;
  return `occurred_at_ms < ${cutoffMs} AND occurred_at_ms >= ${fromMs ?? 0}${of}`;
}

/** The day before, because if clocks are wrong, a record about a payment may have an earlier date than the payment. */
export function dayBefore({ fromMs = 0 }: Pick<ReadOptions, "fromMs">): number {
  return fromMs - DAY_MS;
}

export function noArchive(lake: string, { name }: Topic): TriplineError {
  const detail = `There is no archive of ${name} in ${lake}. Specify the folder or URL that the archive service writes to.`;
  return new TriplineError("not-found", detail);
}

/** A topic's archived days in a range: UTC, `YYYY-MM-DD`, ascending. @throws TriplineError `lake-unavailable` */
export async function daysOf({ lake }: TopicOptions, topic: Topic, times: Times): Promise<readonly string[]> {
  const all = await listDays(lake, topic.name);
  const [first = "", last = ""] = [dayOf(times.fromMs), dayOf(times.toMs ?? Number.POSITIVE_INFINITY)];
  const wanted = all.filter((day) => day >= first && (last === "" || day <= last));
  // If none of these days is archived, the last archived day is returned; it has no matching rows.
  return wanted.length === 0 ? all.slice(-1) : wanted;
}

/** The days of the payments that the options select. @throws TriplineError `not-found`, `lake-unavailable` */
export async function paymentDays(options: ReadOptions, topic: Topic): Promise<readonly string[]> {
  const { fromMs = 0, cutoffMs } = options;
  const days = await daysOf(options, topic, { fromMs, toMs: cutoffMs - 1 });
  if (days.length === 0) throw noArchive(options.lake, topic);
  return days;
}

/**
 * Yields the rows of these days as SQL tables, a few days at a time. Each table is valid only until the next one is
 * requested, so that only its files of a lake in an object store are on the local disk.
 *
 * @throws TriplineError `lake-unavailable`, also if one day exceeds LAKE_CACHE_GIB
 */
export async function* tablesOf(
  scan: LakeScan,
  options: TopicOptions,
  topic: Topic,
  days: readonly string[],
  columns?: Record<string, string>,
): AsyncGenerator<string> {
  for (const group of await groupDays(options, topic, days)) {
    const table = await tableOf(scan, options, topic, columns, group);
    if (table !== undefined) yield table;
    await scan.release();
  }
}

/** Groups consecutive days to read together, by the number of rows per day in the lake's log. */
async function groupDays(options: TopicOptions, topic: Topic, days: readonly string[]): Promise<string[][]> {
  const { lake, recordsTogether = RECORDS_TOGETHER } = options;
  if (days.length === 0) return [];
  const disk = await openDisk(lake);
  const files = Map.groupBy((await listFiles(lake, topic.name, days, disk)).files, ({ day }) => day);
  const sized = days.map((day) => ({ topic: topic.name, day, files: files.get(day) ?? [] }));
  const rowsByDay = await countRows(disk, lake, sized);
  const groups: string[][] = [];
  let records = Number.POSITIVE_INFINITY;
  for (const [index, day] of days.entries()) {
    // A day of unknown size is read alone.
    const rows = rowsByDay[index] ?? Number.POSITIVE_INFINITY;
    records += rows;
    if (records <= recordsTogether) {
      groups.at(-1)?.push(day);
      continue;
    }
    groups.push([day]);
    records = rows;
  }
  return groups;
}

/**
 * All rows of these days at once. Other days are not read, because the lake may be large and old days may be offline.
 */
export async function tableOf(
  scan: LakeScan,
  { lake, positions }: TopicOptions,
  topic: Topic,
  columns: Record<string, string> | undefined,
  days: readonly string[],
): Promise<string | undefined> {
  const table = await scan.table(lake, topic, columns, days);
  if (table === undefined || positions === undefined) return table;
  const cases = Object.entries(positions[topic.name] ?? {}).map(([partition, end]) => `WHEN ${partition} THEN ${end}`);
  if (cases.length === 0) return undefined;
  return `(SELECT * FROM ${table} WHERE kafka_offset < CASE kafka_partition ${cases.join(" ")} ELSE 0 END)`;
}
