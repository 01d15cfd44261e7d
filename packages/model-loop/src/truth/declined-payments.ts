import { TOPICS } from "@tripline/contracts/topics";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { ReadOptions } from "../retraining/read-topic.js";
import { dayBefore, daysOf, tablesOf } from "../retraining/read-topic.js";

/** Kinds of payment updates after which nobody reports fraud. */
export const DECLINED_KINDS = "lower(kind) IN ('declined', 'three_ds_abandoned')";

/**
 * Copies into the scan's database the IDs of payments that Tripline or the issuer declined, or that the customer
 * abandoned. Nobody disputes these payments, so a missing report does not mean that they are genuine.
 *
 * @returns a table that contains each `transaction_id` once
 * @throws TriplineError `lake-unavailable`
 */
export async function copyDeclined(scan: LakeScan, options: ReadOptions): Promise<string> {
  await scan.row("CREATE TABLE declined_copies (transaction_id VARCHAR)");
  const of = options.tenant === undefined ? "" : ` AND tenant = ${sqlText(options.tenant)}`;
  for (const [topic, condition] of [
    [TOPICS.decisions, "lower(outcome) = 'decline'"],
    [TOPICS.paymentUpdates, DECLINED_KINDS],
  ] as const) {
    const days = await daysOf(options, topic, { fromMs: dayBefore(options) });
    for await (const table of tablesOf(scan, options, topic, days)) {
      await scan.row(`INSERT INTO declined_copies SELECT transaction_id FROM ${table} WHERE ${condition}${of}`);
    }
  }
  await scan.row("CREATE TABLE declined AS SELECT DISTINCT transaction_id FROM declined_copies");
  await scan.row("DROP TABLE declined_copies");
  return "declined";
}
