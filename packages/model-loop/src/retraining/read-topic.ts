import { TriplineError } from "@tripline/contracts/error-table";
import type { Topic } from "@tripline/contracts/topics";
import { dayOf } from "@tripline/lake/lake-layout";
import { listDays, listFiles } from "@tripline/lake/log/list-files";
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
}

type TopicOptions = Pick<ReadOptions, "lake" | "positions">;

/** A range of days, given by a time in its first day and a time in its last day, in milliseconds since the epoch. */
interface Times {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Days of a topic in the lake. */
export interface TopicDays {
  /** UTC, `YYYY-MM-DD`, ascending. */
  readonly days: readonly string[];
  /** Mean over all days of the topic, also those that the lake no longer has: an estimate that is rather too high. */
  readonly recordsPerDay: number;
}

const DAY_MS = 86_400_000;
/** Records that are read together: about 400 MB of features. */
const RECORDS_TOGETHER = 1_000_000;

/** SQL for the payments in the options. */
export function paymentsOf({ cutoffMs, fromMs, tenant }: ReadOptions): string {
  const of = tenant === undefined ? "" : ` AND tenant = ${sqlText(tenant)}`;
  return `occurred_at_ms < ${cutoffMs} AND occurred_at_ms >= ${fromMs ?? 0}${of}`;
}

/** Clocks may be wrong, so records about a payment may have earlier dates than the payment. */
export function dayBefore({ fromMs = 0 }: Pick<ReadOptions, "fromMs">): number {
  return fromMs - DAY_MS;
}

export function noArchive(lake: string, { name }: Topic): TriplineError {
  const detail = `There is no archive of ${name} in ${lake}. Specify the folder or URL that the archive service writes to.`;
  return new TriplineError("not-found", detail);
}

/** The days of a topic in a range. @throws TriplineError `lake-unavailable` */
export async function daysOf(options: TopicOptions, topic: Topic, times: Times): Promise<TopicDays> {
  const { lake, positions } = options;
  const all = await listDays(lake, topic.name);
  if (all.length === 0) return { days: [], recordsPerDay: 0 };
  const [first = "", last = ""] = [dayOf(times.fromMs), dayOf(times.toMs ?? Number.POSITIVE_INFINITY)];
  const wanted = all.filter((day) => day >= first && (last === "" || day <= last));
  const ends =
    positions === undefined
      ? [...(await listFiles(lake, topic.name, [])).positions.values()]
      : Object.values(positions[topic.name] ?? {});
  const records = ends.reduce((sum, offset) => sum + offset, 0);
  // If the archive lacks these days, the last one has no matching rows.
  return { days: wanted.length === 0 ? all.slice(-1) : wanted, recordsPerDay: records / all.length };
}

/** The days of the payments in the options. @throws TriplineError `not-found`, `lake-unavailable` */
export async function paymentDays(options: ReadOptions, topic: Topic): Promise<TopicDays> {
  const { fromMs = 0, cutoffMs } = options;
  const found = await daysOf(options, topic, { fromMs, toMs: cutoffMs - 1 });
  if (found.days.length === 0) throw noArchive(options.lake, topic);
  return found;
}

/**
 * The rows of these days as SQL tables, a few days at a time. Each table can be used only until the next one, so that of
 * a lake in an object store, only these files are on the local disk.
 *
 * @throws TriplineError `lake-unavailable`, also if one day exceeds LAKE_CACHE_GIB
 */
export async function* tablesOf(
  scan: LakeScan,
  options: TopicOptions,
  topic: Topic,
  { days, recordsPerDay }: TopicDays,
  columns?: Record<string, string>,
): AsyncGenerator<string> {
  const together = Math.max(1, Math.floor(RECORDS_TOGETHER / recordsPerDay));
  for (let first = 0; first < days.length; first += together) {
    const table = await tableOf(scan, options, topic, columns, days.slice(first, first + together));
    if (table !== undefined) yield table;
    await scan.release();
  }
}

/** All rows of these days at once. Other days are not read, because the lake may be large and old days may be offline. */
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
