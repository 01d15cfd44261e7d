import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { paymentTokens } from "../input/payment-cells.js";
import { openWorkDatabase, sqlName, sqlText } from "../input/work-database.js";
import type { ExamEvent } from "./exam-world.js";
import { SpecCounter, transactionOf } from "./spec-counter.js";

/** A spec and the Parquet file for its vectors. Without a file, only the states are computed. */
export interface VectorFile {
  readonly spec: FeatureSpec;
  readonly path?: string;
}

export interface VectorOptions {
  readonly events: Iterable<ExamEvent>;
  readonly files: readonly VectorFile[];
  /** Payments before this time are counted, but not written. */
  readonly fromMs: number;
  readonly tenant: string;
  readonly cardTokenKey: Uint8Array;
}

const FLUSH_EVERY_ROWS = 20_000;

/**
 * Writes the vectors of simulated payments in the format of `backfill`, which has no payment updates.
 *
 * @returns the states after the last event, by Redis key, for each file
 */
export async function writeVectors(options: VectorOptions): Promise<ReadonlyMap<string, Uint8Array>[]> {
  const { events, files, fromMs, tenant } = options;
  const tokens = paymentTokens(options.cardTokenKey, tenant);
  const counters = files.map(({ spec }) => new SpecCounter(compileEngine(spec)));
  const database = await openWorkDatabase();
  try {
    const tables = await Promise.all(files.map((file, index) => openTable(database.writer, index, file)));
    let rows = 0;
    for (const event of events) {
      const { kind, payment } = event;
      const transaction = transactionOf(payment, tenant, tokens);
      for (const [index, counter] of counters.entries()) {
        if (kind === "label") counter.label(transaction, payment.fraud, payment.labelledAtMs);
        else if (kind === "answer") counter.answer(transaction, event.answer);
        else {
          const values = counter.pay(transaction);
          const table = payment.occurredAtMs >= fromMs ? tables[index] : undefined;
          if (table !== undefined) appendRow(table, payment, transaction, values);
        }
      }
      rows += kind === "payment" ? 1 : 0;
      if (rows % FLUSH_EVERY_ROWS === 0) for (const table of tables) table?.flushSync();
    }
    for (const [index, table] of tables.entries()) {
      table?.closeSync();
      const path = files[index]?.path;
      if (path !== undefined) await database.writer.run(`COPY vectors_${index} TO ${sqlText(path)} (FORMAT parquet)`);
    }
  } finally {
    await database.close();
  }
  return counters.map(({ states }) => states);
}

async function openTable(connection: DuckDBConnection, index: number, { spec, path }: VectorFile) {
  if (path === undefined) return undefined;
  const features = spec.features.map(({ name }) => `, ${sqlName(name)} FLOAT`);
  await connection.run(`CREATE TABLE vectors_${index} (client_transaction_id VARCHAR, card_token VARCHAR,
    terminal_id VARCHAR, occurred_at_ms BIGINT, labelled_at_ms BIGINT, fraud TINYINT${features.join("")})`);
  return connection.createAppender(`vectors_${index}`);
}

function appendRow(
  table: DuckDBAppender,
  { fraud, occurredAtMs, labelledAtMs }: SimulatedPayment,
  { clientTransactionId, cardToken, terminalId }: Transaction,
  values: readonly number[],
): void {
  table.appendVarchar(clientTransactionId);
  table.appendVarchar(cardToken);
  table.appendVarchar(terminalId);
  table.appendBigInt(BigInt(occurredAtMs));
  table.appendBigInt(BigInt(labelledAtMs));
  table.appendTinyInt(fraud ? 1 : 0);
  for (const value of values) table.appendFloat(value);
  table.endRow();
}
