import { rename, rm } from "node:fs/promises";
import type { DelayCell } from "@tripline/decision-engine/backtest/label-delay";
import type { LabelSurvey, UnlabelledMeaning } from "@tripline/decision-engine/backtest/label-survey";
import { NO_LABELS, surveyOf } from "@tripline/decision-engine/backtest/label-survey";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { exploredSql } from "./explored-sql.js";

const DAY_MS = 86_400_000;

/**
 * Summarises labels.
 *
 * @param labels SQL with one row per labelled payment: `occurred_at_ms`, `known_ms` and `fraud`
 */
export async function surveyTable(scan: LakeScan, labels: string, unlabelled: UnlabelledMeaning): Promise<LabelSurvey> {
  const cells: Record<"fraud" | "genuine", DelayCell[]> = { fraud: [], genuine: [] };
  let newestMs: number | undefined;
  const counted = scan.rows(`WITH l AS MATERIALIZED (${labels}), e AS (SELECT max(known_ms) AS newest FROM l)
    SELECT fraud, newest, greatest(0, newest - occurred_at_ms) // ${DAY_MS} AS age,
      greatest(0, known_ms - occurred_at_ms) // ${DAY_MS} AS delay, count(*) AS labels
    FROM l, e GROUP BY ALL`);
  for await (const chunk of counted) {
    for (const { fraud, newest, age, delay, labels: count } of chunk) {
      newestMs = Number(newest);
      const cell = { ageDays: Number(age), delayDays: Number(delay), labels: Number(count) };
      cells[fraud === true ? "fraud" : "genuine"].push(cell);
    }
  }
  return newestMs === undefined ? NO_LABELS : surveyOf(cells, newestMs, unlabelled);
}

/** When a payment without a label counts as genuine. */
export interface SettledRule {
  /** Age at which a payment is old enough for a verdict. */
  readonly delayMs: number;
  /** Payments at or after this time have no verdict yet, even if they have a label. */
  readonly matureBeforeMs: number;
}

/** @returns undefined if a payment without a label stays unknown, because genuine payments normally get labels */
export function ruleOf({ isUnlabelledGenuine, delayDays, matureBeforeMs }: LabelSurvey): SettledRule | undefined {
  return isUnlabelledGenuine && delayDays !== undefined ? { delayMs: delayDays * DAY_MS, matureBeforeMs } : undefined;
}

/** SQL expressions about a payment's label. */
export interface LabelSql {
  /** Boolean, or 0 or 1; null without a label. */
  readonly fraud: string;
  readonly labelledAtMs: string;
  /** Whether the payment was declined or abandoned, so that nobody would report it. */
  readonly isDeclined: string;
}

/**
 * Applies the backtest's rule (`truthOf`) to the expressions: a mature payment without a label is genuine, which is
 * known from the age at which its label would have arrived. A declined or abandoned payment has no verdict.
 */
export function settledSql(label: LabelSql, rule: SettledRule | undefined): Pick<LabelSql, "fraud" | "labelledAtMs"> {
  if (rule === undefined) return label;
  const isGenuine = `(${label.fraud}) IS NULL AND NOT (${label.isDeclined}) AND occurred_at_ms < ${rule.matureBeforeMs}`;
  return {
    fraud: `CASE WHEN ${isGenuine} THEN false ELSE (${label.fraud})::BOOLEAN END`,
    labelledAtMs: `CASE WHEN ${isGenuine} THEN occurred_at_ms + ${rule.delayMs} ELSE ${label.labelledAtMs} END`,
  };
}

/** Entries in a Parquet file's metadata that tell `tripline_training` which payments are too recent. */
export function ruleMetadata(rule: SettledRule | undefined): Readonly<Record<string, number>> {
  return rule === undefined ? {} : { label_delay_ms: rule.delayMs, mature_before_ms: rule.matureBeforeMs };
}

/** SQL option of `COPY`; empty without entries. */
export function metadataSql(entries: Readonly<Record<string, number>>): string {
  const pairs = Object.entries(entries).map(([key, value]) => `${key}: '${value}'`);
  return pairs.length === 0 ? "" : `, KV_METADATA {${pairs.join(", ")}}`;
}

/**
 * Applies the rule to an output file of `tripline backfill`, and moves the file to `path` atomically. If genuine
 * payments normally get labels, and none were explored, the file does not change.
 *
 * @param computed the output file
 * @param declined SQL table whose column `client_transaction_id` identifies the declined and abandoned payments
 * @param explored SQL table as in `Fates`, but with `client_transaction_id`
 * @returns the rule; undefined if a payment without a label stays unknown
 */
export async function settleFile(
  scan: LakeScan,
  computed: string,
  path: string,
  options: { readonly unlabelled: UnlabelledMeaning; readonly declined?: string; readonly explored?: string },
): Promise<SettledRule | undefined> {
  const file = `read_parquet(${sqlText(computed)}, hive_partitioning = false)`;
  const labels = `SELECT occurred_at_ms, labelled_at_ms AS known_ms, fraud = 1 AS fraud FROM ${file}
    WHERE labelled_at_ms IS NOT NULL`;
  const rule = ruleOf(await surveyTable(scan, labels, options.unlabelled));
  const { explored } = options;
  if (rule === undefined && explored === undefined) {
    await rename(computed, path);
    return undefined;
  }
  const isDeclined =
    options.declined === undefined
      ? "false"
      : `client_transaction_id IN (SELECT client_transaction_id FROM ${options.declined})`;
  const settled = settledSql({ fraud: "fraud = 1", labelledAtMs: "labelled_at_ms", isDeclined }, rule);
  const unfinished = `${path}.settling`;
  const { column, join, order, verdict } = exploredSql(explored, "client_transaction_id");
  await scan.row(`COPY (SELECT f.* REPLACE (${verdict(settled.labelledAtMs)} AS labelled_at_ms,
      (${verdict(settled.fraud)})::TINYINT AS fraud)${column} FROM ${file} AS f${join}${order}) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd${metadataSql(ruleMetadata(rule))})`);
  await rename(unfinished, path);
  await rm(computed);
  return rule;
}
