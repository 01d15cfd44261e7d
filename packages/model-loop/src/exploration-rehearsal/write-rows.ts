import { join } from "node:path";
import { openWorkDatabase, sqlName, sqlText } from "@tripline/backfill/input/work-database";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { metadataSql, ruleMetadata, settleFile } from "../truth/settle-labels.js";
import type { LivedRow } from "./live-world.js";

const FLUSH_EVERY_ROWS = 20_000;

interface KnownLabel {
  readonly atMs: number;
  readonly fraud: boolean;
}

/** What training knows about payments at a given time, and the complete truth about them. */
export interface WrittenRows {
  /** The known labels, with the rule for missing labels and the weights of explored payments. */
  readonly known: string;
  /** The truth about every payment that is old enough for a verdict, including declined ones. */
  readonly complete: string;
}

/** Writes payments in the format of `tripline retrain`. */
export async function writeRows(
  rows: readonly LivedRow[],
  spec: FeatureSpec,
  cutoffMs: number,
  folder: string,
): Promise<WrittenRows> {
  const [raw, fates] = [join(folder, "raw.parquet"), join(folder, "fates.parquet")];
  const [known, complete] = [join(folder, "known.parquet"), join(folder, "complete.parquet")];
  const reported = ({ payment: { labelledAtMs } }: LivedRow): KnownLabel | undefined =>
    labelledAtMs === null || labelledAtMs > cutoffMs ? undefined : { atMs: labelledAtMs, fraud: true };
  await writeFiles(rows, spec, reported, { raw, fates });
  const scan = await LakeScan.open();
  try {
    await scan.row(`CREATE TABLE fates AS SELECT * FROM read_parquet(${sqlText(fates)})`);
    const rule = await settleFile(scan, raw, known, {
      unlabelled: "genuine",
      declined: "(SELECT client_transaction_id FROM fates WHERE is_declined)",
      ...(rows.some(({ isExplored }) => isExplored)
        ? { explored: "(SELECT client_transaction_id, weight FROM fates WHERE weight > 1)" }
        : {}),
    });
    if (rule === undefined) throw new Error("No fraud was reported.");
    const { delayMs, matureBeforeMs } = rule;
    const isOld = `occurred_at_ms < ${matureBeforeMs}`;
    const features = spec.features.map(({ name }) => `, k.${sqlName(name)}`).join("");
    await scan.row(`COPY (SELECT client_transaction_id, card_token, terminal_id, occurred_at_ms,
        CASE WHEN ${isOld} THEN occurred_at_ms + ${delayMs} END AS labelled_at_ms,
        CASE WHEN ${isOld} THEN is_fraud::TINYINT END AS fraud${features}
      FROM read_parquet(${sqlText(known)}) AS k JOIN fates USING (client_transaction_id)
      ORDER BY occurred_at_ms, client_transaction_id) TO ${sqlText(complete)}
      (FORMAT parquet${metadataSql(ruleMetadata(rule))})`);
  } finally {
    await scan.close();
  }
  return { known, complete };
}

/** Writes payments with the truth about each of them. */
export async function writeTruth(rows: readonly LivedRow[], spec: FeatureSpec, folder: string): Promise<string> {
  const raw = join(folder, "truth.parquet");
  const labelOf = ({ payment: { occurredAtMs, fraud } }: LivedRow) => ({ atMs: occurredAtMs + DAY_MS, fraud });
  await writeFiles(rows, spec, labelOf, { raw, fates: join(folder, "fates.parquet") });
  return raw;
}

async function writeFiles(
  rows: readonly LivedRow[],
  spec: FeatureSpec,
  labelOf: (row: LivedRow) => KnownLabel | undefined,
  paths: { readonly raw: string; readonly fates: string },
): Promise<void> {
  const database = await openWorkDatabase();
  try {
    const { writer } = database;
    const features = spec.features.map(({ name }) => `, ${sqlName(name)} FLOAT`).join("");
    await writer.run(`CREATE TABLE raw (client_transaction_id VARCHAR, card_token VARCHAR, terminal_id VARCHAR,
      occurred_at_ms BIGINT, labelled_at_ms BIGINT, fraud TINYINT${features})`);
    await writer.run(
      "CREATE TABLE fates (client_transaction_id VARCHAR, is_declined BOOLEAN, weight DOUBLE, is_fraud BOOLEAN)",
    );
    const [table, fates] = [await writer.createAppender("raw"), await writer.createAppender("fates")];
    for (const [index, row] of rows.entries()) {
      const { transactionId, payment, values } = row;
      table.appendVarchar(transactionId);
      table.appendVarchar(row.cardToken);
      table.appendVarchar(row.terminalId);
      table.appendBigInt(BigInt(payment.occurredAtMs));
      const label = labelOf(row);
      if (label === undefined) {
        table.appendNull();
        table.appendNull();
      } else {
        table.appendBigInt(BigInt(label.atMs));
        table.appendTinyInt(label.fraud ? 1 : 0);
      }
      for (const value of values) table.appendFloat(value);
      table.endRow();
      fates.appendVarchar(transactionId);
      fates.appendBoolean(payment.fate !== "authorised");
      fates.appendDouble(row.isExplored ? 1 / (row.probability ?? 1) : 1);
      fates.appendBoolean(payment.fraud);
      fates.endRow();
      if (index % FLUSH_EVERY_ROWS === 0) for (const one of [table, fates]) one.flushSync();
    }
    table.closeSync();
    fates.closeSync();
    const order = "ORDER BY occurred_at_ms, client_transaction_id";
    await writer.run(`COPY (SELECT * FROM raw ${order}) TO ${sqlText(paths.raw)} (FORMAT parquet)`);
    await writer.run(`COPY fates TO ${sqlText(paths.fates)} (FORMAT parquet)`);
  } finally {
    await database.close();
  }
}
