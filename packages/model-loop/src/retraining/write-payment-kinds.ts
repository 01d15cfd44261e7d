import { rename } from "node:fs/promises";
import { TOPICS } from "@tripline/contracts/topics";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { ReadOptions } from "./read-topic.js";
import { paymentDays, paymentsOf, tablesOf } from "./read-topic.js";

/**
 * Writes the tenant and the currency of each payment of a dataset as Parquet, so that models can be compared by the money
 * that they save. The file appears complete or not at all.
 *
 * @param from `log` for the payments of `writeLoggedFeatures`, `backfill` for those of `writeComputedFeatures`
 * @throws TriplineError `not-found`, `lake-unavailable`
 */
export async function writePaymentKinds(
  options: ReadOptions,
  from: "log" | "backfill",
  datasetPath: string,
  outputPath: string,
): Promise<void> {
  const topic = from === "log" ? TOPICS.features : TOPICS.transactions;
  // The dataset has a limited size, but the lake may be large.
  const ofDataset = `SELECT client_transaction_id FROM read_parquet(${sqlText(datasetPath)})`;
  const scan = await LakeScan.open();
  try {
    await scan.row("CREATE TABLE payment_kinds (client_transaction_id VARCHAR, tenant VARCHAR, currency VARCHAR)");
    for await (const table of tablesOf(scan, options, topic, await paymentDays(options, topic))) {
      await scan.row(`INSERT INTO payment_kinds SELECT DISTINCT transaction_id, tenant, currency FROM ${table}
        WHERE ${paymentsOf(options)} AND transaction_id IN (${ofDataset})`);
    }
    const unfinished = `${outputPath}.unfinished`;
    await scan.row(`COPY (SELECT client_transaction_id, min(tenant) AS tenant, min(currency) AS currency
      FROM payment_kinds GROUP BY 1 ORDER BY 1) TO ${sqlText(unfinished)} (FORMAT parquet, COMPRESSION zstd)`);
    await rename(unfinished, outputPath);
  } finally {
    await scan.close();
  }
}
