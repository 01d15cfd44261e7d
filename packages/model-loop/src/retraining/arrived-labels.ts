import { TOPICS } from "@tripline/contracts/topics";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { ReadOptions } from "./read-topic.js";
import { dayBefore, daysOf, tableOf, tablesOf } from "./read-topic.js";

export interface LabelOptions extends ReadOptions {
  /** Arrival time of a label: its `labelled_at`, or its Kafka timestamp if that is later. */
  readonly labelsBy: "event-time" | "arrival";
}

/** SQL for the time from which a label is known. */
export const KNOWN_MS = {
  "event-time": "labelled_at_ms",
  arrival: "greatest(labelled_at_ms, kafka_timestamp_ms)",
} as const;

/**
 * A label may arrive before its payment, or have a wrong time because its sender's clock is wrong. The label is still
 * valid, but is considered known only after its payment. Otherwise, it would leak into that payment's own
 * features, and data checks would reject all rows.
 */
export const LABELLED_AT_MS = "if(l.known_ms <= occurred_at_ms, occurred_at_ms + 1, l.known_ms)";

/** The name of a table with the latest label of each payment, and the number of labels per class. */
export interface ArrivedLabels {
  readonly table: string;
  readonly frauds: number;
  readonly genuine: number;
}

const NO_LABELS = `SELECT NULL::VARCHAR AS tenant, NULL::VARCHAR AS client_transaction_id, NULL::BIGINT AS occurred_at_ms, NULL::BIGINT AS known_ms,
  NULL::BOOLEAN AS fraud, NULL::INTEGER AS kafka_partition, NULL::BIGINT AS kafka_offset WHERE false`;

/** Copies the labels into the scan's database, a few days at a time. @throws TriplineError `lake-unavailable` */
export async function copyLabels(scan: LakeScan, options: LabelOptions): Promise<ArrivedLabels> {
  const days = await labelDays(options);
  await scan.row(`CREATE TABLE arrived_labels AS ${NO_LABELS}`);
  for await (const table of tablesOf(scan, options, TOPICS.labels, days)) {
    await scan.row(`INSERT INTO arrived_labels ${arrivedOf(table, options)}`);
  }
  await scan.row(`CREATE TABLE labels AS ${latestOf("SELECT * FROM arrived_labels")}`);
  await scan.row("DROP TABLE arrived_labels");
  const counts = await scan.row("SELECT count(*) FILTER (fraud) AS frauds, count(*) AS labels FROM labels");
  const frauds = Number(counts.frauds);
  return { table: "labels", frauds, genuine: Number(counts.labels) - frauds };
}

/** SQL for the latest label of each payment. It reads all labels at once. @throws TriplineError `lake-unavailable` */
export async function labelsOf(scan: LakeScan, options: LabelOptions): Promise<string> {
  const days = await labelDays(options);
  const table = days.length === 0 ? undefined : await tableOf(scan, options, TOPICS.labels, undefined, days);
  return latestOf(table === undefined ? NO_LABELS : arrivedOf(table, options));
}

const labelDays = (options: LabelOptions) =>
  daysOf(options, TOPICS.labels, { fromMs: dayBefore(options), toMs: options.cutoffMs });

function arrivedOf(table: string, { labelsBy, cutoffMs, tenant }: LabelOptions): string {
  const of = tenant === undefined ? "" : ` AND tenant = ${sqlText(tenant)}`;
  return `SELECT tenant, client_transaction_id, occurred_at_ms, ${KNOWN_MS[labelsBy]} AS known_ms, fraud, kafka_partition, kafka_offset
    FROM ${table} WHERE ${KNOWN_MS[labelsBy]} <= ${cutoffMs}${of}`;
}

/** Keeps only the latest label, because a chargeback may correct an analyst's label. */
function latestOf(arrived: string): string {
  return `SELECT tenant, client_transaction_id, occurred_at_ms AS paid_at_ms, known_ms, fraud FROM (${arrived})
    QUALIFY row_number() OVER (
      PARTITION BY tenant, client_transaction_id ORDER BY known_ms DESC, kafka_partition, kafka_offset DESC
    ) = 1`;
}
