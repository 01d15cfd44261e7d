import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DuckDBAppender } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import type { ProgressListener } from "../progress.js";
import type { Cell, HistoryPayment, PaymentTokens } from "./payment-cells.js";
import { optionalCells, paymentTokens } from "./payment-cells.js";
import { sqlText } from "./work-database.js";

export interface HistoryOptions {
  readonly simulation: SimulationOptions;
  /**
   * In event order; may be infinite. A payment without a label time gets no label. Default: those of `simulation`.
   */
  readonly payments?: Iterable<HistoryPayment>;
  /** Payments at or after this time, in milliseconds since the epoch, are omitted. */
  readonly untilMs: number;
  readonly tenant: string;
  readonly cardTokenKey: Uint8Array;
  readonly path: string;
  readonly onProgress?: ProgressListener;
}

const FLUSH_EVERY_ROWS = 50_000;

/**
 * Writes simulated payments to a transactions file (Parquet), the input of `tripline backfill`.
 *
 * @returns the number of rows written
 */
export async function writeHistory(options: HistoryOptions): Promise<number> {
  const { simulation, untilMs, onProgress } = options;
  mkdirSync(dirname(options.path), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE history (client_transaction_id VARCHAR, card_token VARCHAR,
      amount_minor DOUBLE, currency VARCHAR, occurred_at_ms DOUBLE, fraud DOUBLE, labelled_at_ms DOUBLE,
      ${Object.entries(OPTIONAL_COLUMNS)
        .map(([name, type]) => `${name} ${type}`)
        .join(", ")})`);
    const appender = await connection.createAppender("history");
    const { cardTokenKey: key, tenant } = options;
    const tokens = paymentTokens(key, tenant);
    let rows = 0;
    for (const payment of options.payments ?? createSimulation(simulation)) {
      if (payment.occurredAtMs >= untilMs) break;
      appendRow(appender, payment, tokens);
      rows += 1;
      if (rows % FLUSH_EVERY_ROWS !== 0) continue;
      appender.flushSync();
      onProgress?.({ done: payment.occurredAtMs - simulation.startMs, total: untilMs - simulation.startMs });
    }
    appender.closeSync();
    await connection.run(`COPY (SELECT client_transaction_id, card_token, amount_minor::BIGINT AS amount_minor,
      currency, occurred_at_ms::BIGINT AS occurred_at_ms, fraud::TINYINT AS fraud, labelled_at_ms::BIGINT AS labelled_at_ms,
      ${Object.keys(OPTIONAL_COLUMNS).join(", ")} FROM history) TO ${sqlText(options.path)} (FORMAT parquet)`);
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function appendRow(appender: DuckDBAppender, payment: HistoryPayment, tokens: PaymentTokens): void {
  appender.appendVarchar(payment.clientTransactionId);
  appender.appendVarchar(tokens.card(payment.cardNumber));
  appender.appendDouble(payment.amountMinor);
  appender.appendVarchar(payment.currency);
  appender.appendDouble(payment.occurredAtMs);
  if (payment.labelledAtMs === null) {
    appender.appendNull();
    appender.appendNull();
  } else {
    appender.appendDouble(payment.fraud ? 1 : 0);
    appender.appendDouble(payment.labelledAtMs);
  }
  const cells: Readonly<Record<string, Cell>> = optionalCells(payment, tokens);
  for (const [column, type] of Object.entries(OPTIONAL_COLUMNS)) {
    const value = cells[column] ?? null;
    if (value === null) appender.appendNull();
    else if (typeof value === "string") appender.appendVarchar(value);
    else if (typeof value === "boolean") appender.appendBoolean(value);
    else if (type === "BIGINT") appender.appendBigInt(BigInt(value));
    else appender.appendDouble(value);
  }
  appender.endRow();
}
