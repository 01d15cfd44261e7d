import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { sqlName, sqlText } from "@tripline/backfill/input/work-database";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import type { KnownPayment } from "../client/payment.js";
import type { ApiDecision } from "../client/tripline-client.js";
import { readTopic } from "../ledger/ledger.js";

export interface DecidedPayment {
  readonly payment: KnownPayment;
  readonly decision: ApiDecision;
}

/** Writes Parquet with one row per decision: id, event time, card, exact score, truth, outcome, fallback level. */
export async function writeDecisions(path: string, kafka: Kafka, rows: readonly DecidedPayment[]): Promise<void> {
  // The API rounds scores.
  const scores = new Map<string, number | undefined>();
  await readTopic(kafka, TOPICS.decisions.name, ({ value }) => {
    const { transactionId, score } = Decision.decode(value);
    scores.set(transactionId, score);
  });
  const columns =
    "client_transaction_id VARCHAR, occurred_at_ms DOUBLE, card VARCHAR, score DOUBLE, fraud DOUBLE, outcome VARCHAR, rung VARCHAR";
  await writeParquet(path, columns, "occurred_at_ms, client_transaction_id", async (appender) => {
    for (const { payment, decision } of rows) {
      appender.appendVarchar(payment.clientTransactionId);
      appender.appendDouble(payment.occurredAtMs);
      appender.appendVarchar(decision.card_token);
      const score = scores.get(decision.id);
      if (score === undefined) appender.appendNull();
      else appender.appendDouble(score);
      appender.appendDouble(payment.fraud ? 1 : 0);
      appender.appendVarchar(decision.outcome);
      appender.appendVarchar(decision.rung);
      appender.endRow();
    }
  });
}

/** Writes a Parquet file with a tenant's feature vectors from the `features` topic, one column per feature. */
export async function writeLoggedFeatures(path: string, kafka: Kafka, tenant: string): Promise<void> {
  const names = currentFeatureSpec().features.map((feature) => feature.name);
  const columns = ["client_transaction_id VARCHAR", ...names.map((name) => `${sqlName(name)} DOUBLE`)].join(", ");
  await writeParquet(path, columns, "client_transaction_id", async (appender) => {
    const seen = new Set<string>();
    await readTopic(kafka, TOPICS.features.name, (record) => {
      const { transaction, values } = FeatureVector.decode(record.value);
      if (transaction?.tenant !== tenant) return;
      const id = transaction.clientTransactionId;
      // Redelivered records are identical, so one row is enough.
      if (seen.has(id)) return;
      seen.add(id);
      appender.appendVarchar(id);
      for (const value of values) appender.appendDouble(value);
      appender.endRow();
    });
  });
}

async function writeParquet(
  path: string,
  columns: string,
  order: string,
  fill: (appender: DuckDBAppender) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection: DuckDBConnection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE log (${columns})`);
    const appender = await connection.createAppender("log");
    await fill(appender);
    appender.closeSync();
    await connection.run(`COPY (SELECT * FROM log ORDER BY ${order}) TO ${sqlText(path)} (FORMAT parquet)`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
