import { TOPICS } from "@tripline/contracts/topics";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { ReadOptions } from "../retraining/read-topic.js";
import { dayBefore, daysOf, tablesOf } from "../retraining/read-topic.js";

/** Column of a features file: how many payments a row represents. Only present if payments were explored. */
export const WEIGHT_COLUMN = "exploration_weight";

/** Columns of decisions that older archives do not have. */
const ADDED_TO_DECISIONS = { exploration_probability: "DOUBLE" };

/**
 * Copies the explored payments into the scan's database. Each represents 1 / its probability of the declines that could
 * have been explored (Horvitz and Thompson, JASA 47, 1952). The others have the weight 0, because they are represented.
 *
 * @returns a table with each `transaction_id` once and its `weight`; undefined if no payment was explored
 * @throws TriplineError `lake-unavailable`
 */
export async function copyExplored(scan: LakeScan, options: ReadOptions): Promise<string | undefined> {
  const of = options.tenant === undefined ? "" : ` AND tenant = ${sqlText(options.tenant)}`;
  const days = await daysOf(options, TOPICS.decisions, { fromMs: dayBefore(options) });
  await scan.row("CREATE TABLE explored_copies (transaction_id VARCHAR, weight DOUBLE)");
  for await (const table of tablesOf(scan, options, TOPICS.decisions, days, ADDED_TO_DECISIONS)) {
    await scan.row(`INSERT INTO explored_copies SELECT transaction_id,
        CASE lower(outcome) WHEN 'approve' THEN 1 / exploration_probability ELSE 0 END
      FROM ${table} WHERE exploration_probability > 0${of}`);
  }
  await scan.row(
    "CREATE TABLE explored AS SELECT transaction_id, max(weight) AS weight FROM explored_copies GROUP BY 1",
  );
  await scan.row("DROP TABLE explored_copies");
  const { payments } = await scan.row("SELECT count(*) AS payments FROM explored WHERE weight > 0");
  return Number(payments) === 0 ? undefined : "explored";
}

/** Parts of a query that joins the table of `copyExplored`. */
export interface ExploredSql {
  /** Starts with a comma. */
  readonly column: string;
  readonly join: string;
  readonly order: string;
  /** The expression, or null for a decline that explored payments represent: a label of its own would count it twice. */
  readonly verdict: (expression: string) => string;
}

/** @param key column with the ID of the payment, by which the result is also sorted after its time */
export function exploredSql(explored: string | undefined, key: string): ExploredSql {
  if (explored === undefined) return { column: "", join: "", order: "", verdict: (expression) => expression };
  return {
    column: `, coalesce(nullif(e.weight, 0), 1) AS ${WEIGHT_COLUMN}`,
    join: ` LEFT JOIN ${explored} AS e USING (${key})`,
    order: ` ORDER BY occurred_at_ms, ${key}`,
    verdict: (expression) => `CASE WHEN e.weight = 0 THEN NULL ELSE ${expression} END`,
  };
}
