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
 * have been explored, because the others have no verdict (Horvitz and Thompson, JASA 47, 1952).
 *
 * @returns a table with each `transaction_id` once and its `weight`; undefined if no payment was explored
 * @throws TriplineError `lake-unavailable`
 */
export async function copyExplored(scan: LakeScan, options: ReadOptions): Promise<string | undefined> {
  const of = options.tenant === undefined ? "" : ` AND tenant = ${sqlText(options.tenant)}`;
  const days = await daysOf(options, TOPICS.decisions, { fromMs: dayBefore(options) });
  await scan.row("CREATE TABLE explored_copies (transaction_id VARCHAR, weight DOUBLE)");
  for await (const table of tablesOf(scan, options, TOPICS.decisions, days, ADDED_TO_DECISIONS)) {
    await scan.row(`INSERT INTO explored_copies SELECT transaction_id, 1 / exploration_probability FROM ${table}
      WHERE exploration_probability > 0 AND lower(outcome) = 'approve'${of}`);
  }
  await scan.row(
    "CREATE TABLE explored AS SELECT transaction_id, max(weight) AS weight FROM explored_copies GROUP BY 1",
  );
  await scan.row("DROP TABLE explored_copies");
  const { payments } = await scan.row("SELECT count(*) AS payments FROM explored");
  return Number(payments) === 0 ? undefined : "explored";
}
