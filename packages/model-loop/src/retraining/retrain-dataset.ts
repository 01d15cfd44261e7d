import { rename } from "node:fs/promises";
import { backfill } from "@tripline/backfill/backfill";
import { OPTIONAL_COLUMNS } from "@tripline/backfill/generated/optional-columns";
import type { TransactionsSource } from "@tripline/backfill/input/transactions-source";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import { dayOf } from "@tripline/lake/lake-layout";
import { listDays } from "@tripline/lake/log/list-files";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlName, sqlText } from "@tripline/lake/sql-text";

/** By topic and partition: records at or after this offset are ignored. */
export type LakePositions = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface LakeDatasetOptions {
  /** The folder that the archive service writes to. */
  readonly lake: string;
  readonly spec: FeatureSpec;
  /** Payments at or after this time, and labels that arrived after it, are ignored. Milliseconds since the epoch. */
  readonly cutoffMs: number;
  /** Earlier payments are ignored. Default: none are ignored. */
  readonly fromMs?: number;
  /** Only payments of this tenant; default: all tenants. */
  readonly tenant?: string;
  /** Arrival time of a label: its `labelled_at`, or its Kafka timestamp if that is later. */
  readonly labelsBy: "event-time" | "arrival";
  /** Default: everything in the lake. */
  readonly positions?: LakePositions;
  /** Parquet in the format of `tripline backfill`, with the transaction id as id. Appears complete or not at all. */
  readonly outputPath: string;
}

export interface LakeDataset {
  readonly rows: number;
  readonly labelled: number;
  readonly frauds: number;
  /** Payments with features of another spec version or length. */
  readonly otherSpec: number;
  /** Payments whose windows lack events because state had been lost at the time. */
  readonly incomplete: number;
}

const DAY_MS = 86_400_000;

/** SQL for the time from which a label is known. */
export const KNOWN_MS = {
  "event-time": "labelled_at_ms",
  arrival: "greatest(labelled_at_ms, kafka_timestamp_ms)",
} as const;

/**
 * A label may arrive before its payment, or have a wrong time because its sender's clock is wrong. The label is still
 * valid, but counts as known only after its payment. If it counted earlier, it would leak into that payment's own
 * features, and data checks would reject all rows.
 */
const LABELLED_AT_MS = "if(l.known_ms <= occurred_at_ms, occurred_at_ms + 1, l.known_ms)";

const NO_LABELS = `SELECT NULL::VARCHAR AS tenant, NULL::VARCHAR AS client_transaction_id, NULL::BIGINT AS known_ms,
  NULL::BOOLEAN AS fraud WHERE false`;

/**
 * Writes the training log: each archived payment once, with the features used for its decision, and its label if it
 * arrived by the cut-off. With positions, the same options always produce the same file, byte for byte, however much
 * the lake grows.
 *
 * @throws TriplineError `not-found` if no features are archived; `lake-unavailable`
 */
export async function writeLoggedFeatures(options: LakeDatasetOptions): Promise<LakeDataset> {
  const { spec, outputPath } = options;
  const scan = await LakeScan.open();
  try {
    const vectors = await requireTopic(scan, options, TOPICS.features, { incomplete: "BOOLEAN" });
    const isOfSpec = `spec_version = ${spec.version} AND len("values") = ${spec.features.length}`;
    // The first record was used for the decision; redeliveries are equal, recomputations are not.
    const firsts = `SELECT * FROM ${vectors} WHERE ${paymentsOf(options)}
      QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY computed_at_ms, kafka_partition, kafka_offset) = 1`;
    const values = spec.features.map(({ name }, index) => `"values"[${index + 1}]::DOUBLE AS ${sqlName(name)}`);
    const unfinished = `${outputPath}.unfinished`;
    await scan.row(`COPY (
      SELECT p.transaction_id AS client_transaction_id, p.card_token, nullif(p.terminal_id, '') AS terminal_id, p.occurred_at_ms,
        ${LABELLED_AT_MS} AS labelled_at_ms, l.fraud::TINYINT AS fraud, ${values.join(", ")}
      FROM (${firsts}) AS p LEFT JOIN (${await labelsOf(scan, options)}) AS l USING (tenant, client_transaction_id)
      WHERE ${isOfSpec} AND NOT coalesce(incomplete, false) ORDER BY p.occurred_at_ms, p.transaction_id
    ) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd)`);
    const counts = await scan.row(`SELECT count(*) FILTER (incomplete) AS incomplete,
      count(*) FILTER (NOT coalesce(incomplete, false) AND NOT (${isOfSpec})) AS other_spec FROM (${firsts})`);
    const dataset = await countRows(scan, unfinished, Number(counts.other_spec), Number(counts.incomplete));
    await rename(unfinished, outputPath);
    return dataset;
  } finally {
    await scan.close();
  }
}

/**
 * Writes the same payments with features recomputed from archived payments and labels, for features that are missing
 * from the log, such as the features of a new spec. Starts without state, so the windows of the first days are
 * incomplete. Resumes after an interruption.
 *
 * @throws TriplineError `not-found`, `lake-unavailable`, and like `backfill`; `invalid-field` without a tenant
 */
export async function writeComputedFeatures(options: LakeDatasetOptions): Promise<LakeDataset> {
  const { tenant, spec, outputPath, cutoffMs } = options;
  if (tenant === undefined) {
    const detail = "Features can be recomputed for only one tenant at a time. Specify it with --tenant.";
    throw new TriplineError("invalid-field", detail);
  }
  const scan = await LakeScan.open();
  try {
    await backfill({ spec, source: lakeSource(scan, options), tenant, outputPath, untilMs: cutoffMs });
    return await countRows(scan, outputPath, 0, 0);
  } finally {
    await scan.close();
  }
}

/**
 * Writes the scores used for decisions: `client_transaction_id` and, if a model returned one, `score`.
 *
 * @returns the number of scored payments by day since 1970-01-01 (UTC)
 * @throws TriplineError `lake-unavailable`
 */
export async function writeServedScores(options: LakeDatasetOptions): Promise<ReadonlyMap<number, number>> {
  const scan = await LakeScan.open();
  try {
    // Partitioned by decision time, which is never much earlier than the payment but, in a replay, is much later.
    const table = await topicOf(scan, options, TOPICS.decisions, { fromMs: dayBefore(options) });
    if (table === undefined) return new Map();
    const scored = `SELECT transaction_id AS client_transaction_id, score, occurred_at_ms FROM ${table}
      WHERE ${paymentsOf(options)} AND lower(rung) = 'model' AND score IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY decided_at_ms, kafka_partition, kafka_offset) = 1`;
    await scan.row(`COPY (
      SELECT client_transaction_id, score FROM (${scored}) ORDER BY occurred_at_ms, client_transaction_id
    ) TO ${sqlText(options.outputPath)} (FORMAT parquet, COMPRESSION zstd)`);
    const days = new Map<number, number>();
    const counts = scan.rows(`SELECT occurred_at_ms // ${DAY_MS} AS day, count(*) AS rows FROM (${scored}) GROUP BY 1`);
    for await (const chunk of counts) for (const { day, rows } of chunk) days.set(Number(day), Number(rows));
    return days;
  } finally {
    await scan.close();
  }
}

/**
 * Event time of the newest archived payment. Reads only the newest day of the lake that contains one.
 *
 * @throws TriplineError `not-found`, `lake-unavailable`
 */
export async function newestPaymentMs(
  options: Pick<LakeDatasetOptions, "lake" | "tenant" | "positions">,
): Promise<number> {
  const tenant = options.tenant === undefined ? "true" : `tenant = ${sqlText(options.tenant)}`;
  const scan = await LakeScan.open();
  try {
    const days = await listDays(options.lake, TOPICS.features.name);
    if (days.length === 0) throw noArchive(options.lake, TOPICS.features);
    for (const day of days.reverse()) {
      const table = await tableOf(scan, options, TOPICS.features, undefined, [day]);
      const { newest } =
        table === undefined ? {} : await scan.row(`SELECT max(occurred_at_ms) AS newest FROM ${table} WHERE ${tenant}`);
      if (newest !== null && newest !== undefined) return Number(newest);
      await scan.release();
    }
    throw new TriplineError("not-found", `There are no payments of that tenant in ${options.lake}; check --tenant.`);
  } finally {
    await scan.close();
  }
}

/** Payments and labels as a transactions file. */
function lakeSource(scan: LakeScan, options: LakeDatasetOptions): TransactionsSource {
  const { lake, cutoffMs, fromMs, tenant, labelsBy, positions } = options;
  return {
    // Positions make the lake immutable for this read.
    ...(positions === undefined
      ? {}
      : { identity: async () => [JSON.stringify({ lake, cutoffMs, fromMs, tenant, labelsBy, positions })] }),
    async prepare() {
      const payments = await requireTopic(scan, options, TOPICS.transactions, OPTIONAL_COLUMNS);
      return `SELECT transaction_id AS client_transaction_id, card_token, amount_minor, currency,
          occurred_at_ms, l.fraud::TINYINT AS fraud, ${LABELLED_AT_MS} AS labelled_at_ms, transaction_id AS tie_order,
          ${Object.keys(OPTIONAL_COLUMNS).join(", ")}
        FROM (
          SELECT * FROM ${payments} WHERE ${paymentsOf(options)}
          QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY kafka_partition, kafka_offset) = 1
        ) LEFT JOIN (${await labelsOf(scan, options)}) AS l USING (tenant, client_transaction_id)`;
    },
  };
}

/** The latest label of each payment up to the cut-off, because a chargeback may correct an analyst's label. */
async function labelsOf(scan: LakeScan, options: LakeDatasetOptions): Promise<string> {
  const known = KNOWN_MS[options.labelsBy];
  const table = await topicOf(scan, options, TOPICS.labels, { fromMs: dayBefore(options), toMs: options.cutoffMs });
  if (table === undefined) return NO_LABELS;
  return `SELECT tenant, client_transaction_id, ${known} AS known_ms, fraud FROM ${table}
    WHERE ${known} <= ${options.cutoffMs}
    QUALIFY row_number() OVER (
      PARTITION BY tenant, client_transaction_id ORDER BY ${known} DESC, kafka_partition, kafka_offset DESC
    ) = 1`;
}

/**
 * The vectors of a spec that were used for decisions, as an SQL table. @throws TriplineError `not-found`, `lake-unavailable`
 */
export async function loggedVectors(
  scan: LakeScan,
  options: Omit<LakeDatasetOptions, "labelsBy" | "outputPath">,
): Promise<string> {
  const { spec } = options;
  const vectors = await requireTopic(scan, options, TOPICS.features, { incomplete: "BOOLEAN" });
  return `(SELECT * FROM ${vectors} WHERE ${paymentsOf(options)} AND spec_version = ${spec.version}
    AND len("values") = ${spec.features.length} AND NOT coalesce(incomplete, false))`;
}

type ReadOptions = Pick<LakeDatasetOptions, "lake" | "positions" | "cutoffMs" | "fromMs" | "tenant">;

function paymentsOf({ cutoffMs, fromMs, tenant }: ReadOptions): string {
  const of = tenant === undefined ? "" : ` AND tenant = ${sqlText(tenant)}`;
  return `occurred_at_ms < ${cutoffMs} AND occurred_at_ms >= ${fromMs ?? 0}${of}`;
}

/** Clocks may be wrong, so records about a payment may have earlier dates than the payment. */
function dayBefore({ fromMs = 0 }: LakeDatasetOptions): number {
  return fromMs - DAY_MS;
}

/** A range of days, given by a time in its first day and a time in its last day, in milliseconds since the epoch. */
interface Times {
  readonly fromMs: number;
  readonly toMs?: number;
}

type TopicOptions = Pick<LakeDatasetOptions, "lake" | "positions">;

/** Payments of the requested days, by event time. */
async function requireTopic(
  scan: LakeScan,
  options: ReadOptions,
  topic: Topic,
  columns?: Record<string, string>,
): Promise<string> {
  const { fromMs = 0, cutoffMs } = options;
  const table = await topicOf(scan, options, topic, { fromMs, toMs: cutoffMs - 1 }, columns);
  if (table === undefined) throw noArchive(options.lake, topic);
  return table;
}

function noArchive(lake: string, { name }: Topic): TriplineError {
  const detail = `There is no archive of ${name} in ${lake}. Specify the folder or URL that the archive service writes to.`;
  return new TriplineError("not-found", detail);
}

/**
 * All rows of the days in this range. Other days are not read, because the lake may be large and its old days may be
 * offline.
 */
async function topicOf(
  scan: LakeScan,
  options: TopicOptions,
  topic: Topic,
  { fromMs, toMs = Number.POSITIVE_INFINITY }: Times,
  columns?: Record<string, string>,
): Promise<string | undefined> {
  const days = await listDays(options.lake, topic.name);
  const [first = "", last = ""] = [dayOf(fromMs), dayOf(toMs)];
  const wanted = days.filter((day) => day >= first && (last === "" || day <= last));
  // If the archive lacks these days, the table has no matching rows.
  return tableOf(scan, options, topic, columns, wanted.length === 0 ? days.slice(-1) : wanted);
}

async function tableOf(
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

async function countRows(scan: LakeScan, path: string, otherSpec: number, incomplete: number): Promise<LakeDataset> {
  const row = await scan.row(`SELECT count(*) AS rows, count(labelled_at_ms) AS labelled,
    count(*) FILTER (fraud = 1) AS frauds FROM read_parquet(${sqlText(path)})`);
  return {
    rows: Number(row.rows),
    labelled: Number(row.labelled),
    frauds: Number(row.frauds),
    otherSpec,
    incomplete,
  };
}
