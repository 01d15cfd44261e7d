import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import type { World } from "../e2e/world/prepare-world.js";
import { BenchError } from "../harness/bench-error.js";

export interface VectorPayment {
  readonly transaction: Transaction;
  /** In the order of the feature spec. */
  readonly values: readonly number[];
}

const TENANT = "demo";
const MINOR_PER_MAJOR = 100;

/** The last payments of a world's history with their features. */
export async function readVectors({ statePath }: World, count: number): Promise<VectorPayment[]> {
  const names = currentFeatureSpec().features.map(({ name }) => name);
  const file = join(dirname(statePath), "features.parquet").replaceAll("'", "''");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const columns = ["client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", ...names].join(", ");
  const answer = await connection.runAndReadAll(
    `select ${columns} from read_parquet('${file}') order by occurred_at_ms desc, client_transaction_id limit ${count}`,
  );
  const rows = answer.getRows();
  connection.closeSync();
  if (rows.length < count) throw new BenchError(`The history has ${rows.length} payments, but ${count} are needed.`);
  return rows.map(([id, cardToken, terminalId, occurredAtMs, ...features]) => {
    const values = features.map(Number);
    const transaction = transactionOf(String(id), String(cardToken), String(terminalId), Number(occurredAtMs));
    return { values, transaction: { ...transaction, amountMinor: Math.round((values[0] ?? 0) * MINOR_PER_MAJOR) } };
  });
}

function transactionOf(id: string, cardToken: string, terminalId: string, occurredAtMs: number): Transaction {
  return {
    transactionId: transactionId(TENANT, id),
    tenant: TENANT,
    clientTransactionId: id,
    cardToken,
    ...UNSENT,
    terminalId,
    amountMinor: 0,
    currency: "EUR",
    occurredAtMs,
    acceptedAtMs: occurredAtMs,
  };
}
