import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { ReadOptions } from "../retraining/read-topic.js";
import { dayBefore, daysOf, tablesOf } from "../retraining/read-topic.js";

/** Kinds of payment updates after which nobody reports fraud. */
export const DECLINED_KINDS = "lower(kind) IN ('declined', 'three_ds_abandoned')";
/** Columns of decisions that older archives do not have. */
const ADDED_TO_DECISIONS = { exploration_probability: "DOUBLE" };

/** Tables of the scan's database about payments whose labels need care. Each contains a `transaction_id` once. */
export interface Fates {
  /**
   * Payments that Tripline or the issuer declined, or that the customer abandoned. Nobody disputes these payments, so a
   * missing report does not mean that they are genuine. Undefined if not wanted.
   */
  readonly declined: string | undefined;
  /**
   * Payments that could have been explored, with their `weight`; undefined if none were explored. Each explored one has
   * the weight 1 / its probability, to represent the others (Horvitz and Thompson, JASA 47, 1952), which have the
   * weight 0.
   */
  readonly explored: string | undefined;
}

/**
 * Reads the decisions once for both tables.
 *
 * @param wantsDeclined whether to copy declined payments as well, for which payment updates are also read
 * @throws TriplineError `lake-unavailable`
 */
export async function copyFates(scan: LakeScan, options: ReadOptions, wantsDeclined: boolean): Promise<Fates> {
  const of = options.tenant === undefined ? "" : ` AND tenant = ${sqlText(options.tenant)}`;
  const tables = async (topic: Topic, columns?: Record<string, string>) =>
    tablesOf(scan, options, topic, await daysOf(options, topic, { fromMs: dayBefore(options) }), columns);
  const copyDeclined = (table: string, condition: string) =>
    scan.row(`INSERT INTO declined_copies SELECT transaction_id FROM ${table} WHERE ${condition}${of}`);
  await scan.row("CREATE TABLE declined_copies (transaction_id VARCHAR)");
  await scan.row("CREATE TABLE explored_copies (transaction_id VARCHAR, weight DOUBLE)");
  for await (const table of await tables(TOPICS.decisions, ADDED_TO_DECISIONS)) {
    if (wantsDeclined) await copyDeclined(table, "lower(outcome) = 'decline'");
    await scan.row(`INSERT INTO explored_copies SELECT transaction_id,
        CASE lower(outcome) WHEN 'approve' THEN 1 / exploration_probability ELSE 0 END
      FROM ${table} WHERE exploration_probability > 0${of}`);
  }
  if (wantsDeclined) {
    for await (const table of await tables(TOPICS.paymentUpdates)) await copyDeclined(table, DECLINED_KINDS);
  }
  await scan.row("CREATE TABLE declined AS SELECT DISTINCT transaction_id FROM declined_copies");
  await scan.row(
    "CREATE TABLE explored AS SELECT transaction_id, max(weight) AS weight FROM explored_copies GROUP BY 1",
  );
  for (const copies of ["declined_copies", "explored_copies"]) await scan.row(`DROP TABLE ${copies}`);
  const { payments } = await scan.row("SELECT count(*) AS payments FROM explored WHERE weight > 0");
  return {
    declined: wantsDeclined ? "declined" : undefined,
    explored: Number(payments) === 0 ? undefined : "explored",
  };
}
