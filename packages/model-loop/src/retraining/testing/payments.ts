import { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector, Label } from "@tripline/contracts/generated/tripline/events/v1/events";

export const NOON_MS = Date.UTC(2026, 1, 10, 12);
export const DAY_MS = 86_400_000;
/** A spec with few features, so that tests can list their values. */
export const spec: FeatureSpec = { ...currentFeatureSpec(), features: currentFeatureSpec().features.slice(0, 3) };

export const payment = (id: string, change: Partial<Transaction> = {}): Transaction => ({
  transactionId: `txn_${id}`,
  tenant: "demo",
  clientTransactionId: id,
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "t-1",
  amountMinor: 1_000,
  currency: "EUR",
  occurredAtMs: NOON_MS,
  acceptedAtMs: NOON_MS,
  ...change,
});

export const vector = (
  id: string,
  values: number[],
  change: Partial<FeatureVector> = {},
  of: Partial<Transaction> = {},
) =>
  FeatureVector.encode({
    transaction: payment(id, of),
    specVersion: spec.version,
    values,
    computedAtMs: NOON_MS,
    sequences: [],
    tooLate: false,
    incomplete: false,
    profileTimesMs: [],
    ...change,
  }).finish();

export const label = (id: string, fraud: boolean, afterDays: number, change: Partial<Label> = {}) =>
  Label.encode({
    ...Label.decode(Buffer.of()),
    labelId: `lbl_${id}`,
    tenant: "demo",
    clientTransactionId: id,
    cardToken: "ct_1",
    terminalId: "t-1",
    occurredAtMs: NOON_MS,
    labelledAtMs: NOON_MS + afterDays * DAY_MS,
    fraud,
    source: "chargeback",
    ...change,
  }).finish();

export const rowsOf = (path: string): Promise<unknown[][]> => runSql(`SELECT * FROM read_parquet('${path}')`);

export async function runSql(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowsJS().map((row) => row.map((value) => (typeof value === "bigint" ? Number(value) : value)));
  connection.closeSync();
  instance.closeSync();
  return rows;
}
