import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import { OPTIONAL_COLUMNS } from "@tripline/backfill/generated/optional-columns";
import type { TransactionsSource } from "@tripline/backfill/input/transactions-source";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import type { UnlabelledMeaning } from "@tripline/decision-engine/backtest/label-survey";
import { listDays } from "@tripline/lake/log/list-files";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlName, sqlText } from "@tripline/lake/sql-text";
import type { Fates } from "../truth/copy-fates.js";
import { copyFates } from "../truth/copy-fates.js";
import { exploredSql } from "../truth/explored-sql.js";
import type { SettledRule } from "../truth/settle-labels.js";
import { metadataSql, ruleMetadata, ruleOf, settledSql, settleFile, surveyTable } from "../truth/settle-labels.js";
import type { ArrivedLabels, LabelOptions } from "./arrived-labels.js";
import { copyLabels, LABELLED_AT_MS, labelsOf } from "./arrived-labels.js";
import { dayBefore, daysOf, noArchive, paymentDays, paymentsOf, tableOf, tablesOf } from "./read-topic.js";
import type { SampleOptions, Shares } from "./sample-payments.js";
import { isSampled, sharesMetadata, sharesOf } from "./sample-payments.js";

export interface LakeDatasetOptions extends LabelOptions {
  readonly spec: FeatureSpec;
  /** Parquet in the format of `tripline backfill`, with the transaction id as id. Appears complete or not at all. */
  readonly outputPath: string;
  /** How to sample a large lake. Default: all payments are written. */
  readonly sample?: SampleOptions;
  /** The verdict on a mature payment without a label. Default: `auto`. */
  readonly unlabelled?: UnlabelledMeaning;
}

export interface LakeDataset {
  readonly rows: number;
  readonly labelled: number;
  readonly frauds: number;
  /** Payments with features of another spec version or length. */
  readonly otherSpec: number;
  /** Payments whose windows lack events because state had been lost at the time. */
  readonly incomplete: number;
  /** The shares of the payments that were sampled; absent if all were read. */
  readonly shares?: Shares;
}

const DAY_MS = 86_400_000;
/** Sorts the record used for the decision first. Redelivered records are equal to it; recomputed records are not. */
const FIRST = "ORDER BY computed_at_ms, kafka_partition, kafka_offset";

/**
 * Writes the training log: each archived payment once, with the features used for its decision, and its label if it
 * arrived by the cut-off. With positions, the same options always produce the same file, byte for byte, however much
 * the lake grows.
 *
 * @throws TriplineError `not-found` if no features are archived; `lake-unavailable`
 */
export async function writeLoggedFeatures(options: LakeDatasetOptions): Promise<LakeDataset> {
  const { sample, outputPath } = options;
  const folder = `${outputPath}.parts`;
  const scan = await LakeScan.open();
  try {
    const days = await paymentDays(options, TOPICS.features);
    const labels = await copyLabels(scan, options);
    const truth = await truthOf(scan, options, labels);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    let parts: string[] = [];
    let [payments, written, reducedTo] = [0, 0, 1];
    let shares: Shares | undefined;
    const write = async (sql: string): Promise<string> => {
      const part = join(folder, `${written++}.parquet`);
      await scan.row(`COPY (${sql}) TO ${sqlText(part)} (FORMAT parquet)`);
      return part;
    };
    for await (const vectors of tablesOf(scan, options, TOPICS.features, days, { incomplete: "BOOLEAN" })) {
      if (sample !== undefined) {
        payments += await countPayments(scan, vectors, options);
        // An upper bound, because some payments without a label have no verdict.
        const genuine = truth.rule === undefined ? labels.genuine : payments - labels.frauds;
        shares = sharesOf(sample, payments, { frauds: labels.frauds, genuine: Math.max(0, genuine) });
      }
      parts.push(await write(partOf(options, vectors, truth, shares)));
      // Limits the parts to about three times the size of the sample.
      if (shares === undefined || shares.unlabelled >= reducedTo / 2) continue;
      const reduced = await write(rowsIn(parts, shares));
      await Promise.all(parts.map((part) => rm(part)));
      parts = [reduced];
      reducedTo = shares.unlabelled;
    }
    if (parts.length === 0) throw noArchive(options.lake, TOPICS.features);
    return await joinParts(scan, parts, outputPath, truth, shares);
  } finally {
    await scan.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function countPayments(scan: LakeScan, vectors: string, options: LakeDatasetOptions): Promise<number> {
  const { payments } = await scan.row(`SELECT count(*) AS payments FROM ${vectors} WHERE ${paymentsOf(options)}`);
  return Number(payments);
}

/** The labels, and what a missing label means. */
interface Truth {
  readonly labels: string;
  readonly fates: Fates;
  readonly rule: SettledRule | undefined;
}

async function truthOf(scan: LakeScan, options: LakeDatasetOptions, { table }: ArrivedLabels): Promise<Truth> {
  // Only the late labels of earlier payments were read, so including these would overestimate the delay.
  const arrived = `SELECT paid_at_ms AS occurred_at_ms, known_ms, fraud FROM ${table}
    WHERE paid_at_ms >= ${options.fromMs ?? 0}`;
  const rule = ruleOf(await surveyTable(scan, arrived, options.unlabelled ?? "auto"));
  return { labels: table, rule, fates: await copyFates(scan, options, rule !== undefined) };
}

/** SQL for the first vector of each payment of some days, by time, with columns that show which vectors are usable. */
function partOf(
  { spec, ...options }: LakeDatasetOptions,
  vectors: string,
  { labels, fates: { declined }, rule }: Truth,
  shares?: Shares,
): string {
  const isOfSpec = `spec_version = ${spec.version} AND len("values") = ${spec.features.length}`;
  const values = spec.features.map(({ name }, index) => `"values"[${index + 1}]::DOUBLE AS ${sqlName(name)}`);
  const isDeclined = declined === undefined ? "false" : `transaction_id IN (SELECT transaction_id FROM ${declined})`;
  const label = settledSql({ fraud: "l.fraud", labelledAtMs: LABELLED_AT_MS, isDeclined }, rule);
  const isWanted = shares === undefined ? "" : `WHERE ${isSampled(shares, "fraud::BOOLEAN")}`;
  return `SELECT * FROM (SELECT transaction_id, card_token, nullif(terminal_id, '') AS terminal_id,
      occurred_at_ms, ${label.labelledAtMs} AS labelled_at_ms, (${label.fraud})::TINYINT AS fraud, ${values.join(", ")},
      computed_at_ms, kafka_partition, kafka_offset, ${isOfSpec} AS is_of_spec, coalesce(incomplete, false) AS incomplete
    FROM ${vectors} LEFT JOIN ${labels} AS l USING (tenant, client_transaction_id)
    WHERE ${paymentsOf(options)}
    QUALIFY row_number() OVER (PARTITION BY transaction_id ${FIRST}) = 1) ${isWanted}
    ORDER BY occurred_at_ms, transaction_id`;
}

/**
 * SQL for the rows of the parts that belong to the sample. The shares decrease as more payments are counted, and a
 * sample contains all smaller samples, so earlier parts have more rows than needed, never fewer.
 */
function rowsIn(parts: readonly string[], shares?: Shares): string {
  const all = `SELECT * FROM read_parquet([${parts.map(sqlText).join(", ")}])`;
  return shares === undefined ? all : `${all} WHERE ${isSampled(shares, "fraud::BOOLEAN")}`;
}

/** Joins the parts. Each has later days than the previous one, so the joined rows are sorted by time. */
async function joinParts(
  scan: LakeScan,
  parts: readonly string[],
  outputPath: string,
  { rule, fates: { explored } }: Truth,
  shares?: Shares,
): Promise<LakeDataset> {
  const all = rowsIn(parts, shares);
  const { repeated } = await scan.row(`SELECT count(*) AS repeated FROM (
    SELECT transaction_id FROM (${all}) GROUP BY 1 HAVING count(*) > 1)`);
  // Needed if a payment was sent again on a later day, after Redis lost the first one. This sort needs disk space.
  const firsts = `${all} QUALIFY row_number() OVER (PARTITION BY transaction_id ${FIRST}) = 1
    ORDER BY occurred_at_ms, transaction_id`;
  const rows = Number(repeated) === 0 ? all : firsts;
  const unfinished = `${outputPath}.unfinished`;
  const metadata = metadataSql({ ...sharesMetadata(shares), ...ruleMetadata(rule) });
  const { column, join, order, verdict } = exploredSql(explored, "transaction_id");
  await scan.row(`COPY (
    SELECT r.transaction_id AS client_transaction_id,
      r.* EXCLUDE (transaction_id, computed_at_ms, kafka_partition, kafka_offset, is_of_spec, incomplete)
        REPLACE (${verdict("labelled_at_ms")} AS labelled_at_ms, ${verdict("fraud")} AS fraud)${column}
    FROM (${rows}) AS r${join}
    WHERE is_of_spec AND NOT incomplete${order}
  ) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd${metadata})`);
  const counts = await scan.row(`SELECT count(*) FILTER (incomplete) AS incomplete,
    count(*) FILTER (NOT incomplete AND NOT is_of_spec) AS other_spec FROM (${rows})`);
  const dataset = await countRows(scan, unfinished, Number(counts.other_spec), Number(counts.incomplete));
  await rename(unfinished, outputPath);
  return shares === undefined ? dataset : { ...dataset, shares };
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
    const computed = `${outputPath}.computed.parquet`;
    await backfill({ spec, source: lakeSource(scan, options), tenant, outputPath: computed, untilMs: cutoffMs });
    // The backfill identifies payments in the lake by Tripline's IDs.
    const named = (table: string, more = "") => `(SELECT transaction_id AS client_transaction_id${more} FROM ${table})`;
    const { declined, explored } = await copyFates(scan, options, true);
    await settleFile(scan, computed, outputPath, {
      unlabelled: options.unlabelled ?? "auto",
      ...(declined === undefined ? {} : { declined: named(declined) }),
      ...(explored === undefined ? {} : { explored: named(explored, ", weight") }),
    });
    return await countRows(scan, outputPath, 0, 0);
  } finally {
    await scan.close();
  }
}

/**
 * Writes the scores used for decisions: `client_transaction_id` and, if a model returned one, `score`.
 *
 * @param shares from `writeLoggedFeatures`, to write only the scores of that sample. Default: all payments
 * @returns the number of scored payments by day since 1970-01-01 (UTC)
 * @throws TriplineError `lake-unavailable`
 */
export async function writeServedScores(
  options: LakeDatasetOptions,
  shares?: Shares,
): Promise<ReadonlyMap<number, number>> {
  const scan = await LakeScan.open();
  try {
    // Partitioned by decision time, which is never much earlier than the payment but, in a replay, is much later.
    const days = await daysOf(options, TOPICS.decisions, { fromMs: dayBefore(options) });
    const isWanted = shares === undefined ? "" : ` AND ${isSampled({ ...shares, cards: 0 }, "NULL::BOOLEAN")}`;
    let isFirst = true;
    for await (const table of tablesOf(scan, options, TOPICS.decisions, days)) {
      const found = `SELECT transaction_id, score, occurred_at_ms, decided_at_ms, kafka_partition, kafka_offset
        FROM ${table} WHERE ${paymentsOf(options)} AND lower(rung) = 'model' AND score IS NOT NULL${isWanted}`;
      await scan.row(`${isFirst ? "CREATE TABLE decided AS" : "INSERT INTO decided"} ${found}`);
      isFirst = false;
    }
    if (isFirst) return new Map();
    const scored = `SELECT transaction_id AS client_transaction_id, score, occurred_at_ms FROM decided
      QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY decided_at_ms, kafka_partition, kafka_offset) = 1`;
    await scan.row(`COPY (
      SELECT client_transaction_id, score FROM (${scored}) ORDER BY occurred_at_ms, client_transaction_id
    ) TO ${sqlText(options.outputPath)} (FORMAT parquet, COMPRESSION zstd)`);
    const byDay = new Map<number, number>();
    const counts = scan.rows(`SELECT occurred_at_ms // ${DAY_MS} AS day, count(*) AS rows FROM (${scored}) GROUP BY 1`);
    for await (const chunk of counts) for (const { day, rows } of chunk) byDay.set(Number(day), Number(rows));
    return byDay;
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
    throw new TriplineError("not-found", `${options.lake} contains no payments of this tenant; check --tenant.`);
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
      const days = await paymentDays(options, TOPICS.transactions);
      const payments = await tableOf(scan, options, TOPICS.transactions, OPTIONAL_COLUMNS, days);
      if (payments === undefined) throw noArchive(lake, TOPICS.transactions);
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
