import type { DuckDBConnection } from "@duckdb/node-api";
import { wasCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";

/** The largest amount that the engine can represent exactly: a safe integer in thousandths of the major unit. */
const AMOUNT_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
/** Latest time of ECMAScript dates, https://tc39.es/ecma262/#sec-time-values-and-time-range */
const TIME_MAX_MS = 8.64e15;

/** Conditions that make a row of `payments` invalid, with their messages. */
const FAULTS: readonly (readonly [condition: string, sentence: string])[] = [
  ["coalesce(client_transaction_id, '') = ''", "has no client_transaction_id"],
  ["coalesce(card_token::VARCHAR, '') = ''", "has no card_token"],
  ["amount_minor IS NULL OR amount_minor < 0", "has no amount_minor, or a negative one"],
  [`amount_minor > ${AMOUNT_MAX}`, `has an amount_minor above ${AMOUNT_MAX}`],
  ["occurred_at_ms IS NULL OR occurred_at_ms < 0", "has no occurred_at_ms, or one before 1970"],
  [
    `occurred_at_ms > ${TIME_MAX_MS} OR labelled_at_ms > ${TIME_MAX_MS}`,
    "took place or was labelled after the year 275760",
  ],
  ["NOT latitude BETWEEN -90 AND 90", "has a latitude outside -90 to 90 degrees"],
  ["NOT longitude BETWEEN -180 AND 180", "has a longitude outside -180 to 180 degrees"],
  ["labelled_at_ms < occurred_at_ms", "was labelled before it took place"],
  [
    "labelled_at_ms IS NOT NULL AND (fraud IS NULL OR fraud NOT IN (0, 1))",
    "is labelled, but fraud is neither 0 nor 1",
  ],
];

/**
 * Validates every row.
 *
 * @throws TriplineError `invalid-field`, naming the first row of each kind of fault.
 */
export async function checkPayments(connection: DuckDBConnection): Promise<void> {
  const faults = [...(await faultyRows(connection)), ...(await unknownCurrencies(connection))];
  const repeated = await connection.runAndReadAll(
    "SELECT client_transaction_id FROM payments GROUP BY ALL HAVING count(*) > 1 LIMIT 1",
  );
  for (const [id] of repeated.getRows()) faults.push(`client_transaction_id ${String(id)} occurs more than once`);
  if (faults.length > 0) throw new TriplineError("invalid-field", `The input is invalid: ${faults.join("; ")}.`);
}

async function faultyRows(connection: DuckDBConnection): Promise<string[]> {
  const counts = FAULTS.map(
    ([condition]) => `count(*) FILTER (${condition})::DOUBLE, min(rowid) FILTER (${condition})::DOUBLE`,
  );
  const reader = await connection.runAndReadAll(`SELECT ${counts.join(", ")} FROM payments`);
  const row = reader.getRows()[0] ?? [];
  const faults: string[] = [];
  for (const [index, [, sentence]] of FAULTS.entries()) {
    const rows = Number(row[index * 2] ?? 0);
    if (rows === 0) continue;
    const first = await connection.runAndReadAll(
      `SELECT client_transaction_id FROM payments WHERE rowid = ${Number(row[index * 2 + 1])}`,
    );
    const id = first.getRows()[0]?.[0] ?? "without an id";
    faults.push(`the payment ${String(id)} ${sentence}${rows > 1 ? ` (and ${rows - 1} more)` : ""}`);
  }
  return faults;
}

async function unknownCurrencies(connection: DuckDBConnection): Promise<string[]> {
  const reader = await connection.runAndReadAll("SELECT DISTINCT currency FROM payments ORDER BY currency");
  return reader
    .getRows()
    .map(([currency]) => String(currency ?? ""))
    .filter((currency) => !wasCurrency(currency))
    .map((currency) => `"${currency}" is not an ISO 4217 currency`);
}
