import type { DuckDBConnection } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import { sqlText } from "./work-database.js";

/** Columns of a transactions file, with their DuckDB types. */
export const TRANSACTIONS_COLUMNS = {
  client_transaction_id: "VARCHAR",
  card_token: "VARCHAR",
  amount_minor: "BIGINT",
  currency: "VARCHAR",
  occurred_at_ms: "BIGINT",
  fraud: "TINYINT",
  labelled_at_ms: "BIGINT",
} as const;

/** SQL for the optional columns that a source lacks. */
export function absentColumns(present: readonly (keyof typeof OPTIONAL_COLUMNS)[]): string {
  return Object.entries(OPTIONAL_COLUMNS)
    .filter(([name]) => !present.some((one) => one === name))
    .map(([name, type]) => `NULL::${type} AS ${name}`)
    .join(", ");
}

/** A source of payments and their labels. */
export interface TransactionsSource {
  /**
   * Prepares the source on the connection.
   *
   * @returns a SELECT with all columns of a transactions file and `tie_order`, which orders events of the same time. It
   *   can run several times on that connection.
   */
  prepare(connection: DuckDBConnection, tenant: string): Promise<string>;
  /**
   * Identifies this input, including the state of its files: an interrupted backfill resumes only with the same input.
   * Without it, every backfill starts from scratch.
   *
   * @throws TriplineError `invalid-field` if the files cannot be inspected
   */
  identity?(connection: DuckDBConnection): Promise<readonly string[]>;
}

/**
 * A transactions file: Parquet or CSV, plain or gzipped; `path` may be a glob.
 *
 * Its `prepare` throws TriplineError `invalid-field` if the file cannot be read or lacks a column.
 *
 * @param onIgnored receives the columns that no feature uses, if there are any
 */
export function fileSource(path: string, onIgnored?: (columns: readonly string[]) => void): TransactionsSource {
  return {
    identity: (connection) => filesIdentity(connection, path),
    async prepare(connection) {
      const isParquet = /\.parquet$/i.test(path);
      const file = isParquet
        ? `read_parquet(${sqlText(path)})`
        : `read_csv(${sqlText(path)}, header = true, all_varchar = true)`;
      const present = await columnsOf(connection, file, path);
      const missing = Object.keys(TRANSACTIONS_COLUMNS).filter((name) => !present.has(name));
      if (missing.length > 0) {
        throw new TriplineError("invalid-field", `${path} lacks the column ${missing.join(", ")}.`);
      }
      const ignored = [...present].filter((name) => !(name in TRANSACTIONS_COLUMNS || name in OPTIONAL_COLUMNS));
      if (ignored.length > 0) onIgnored?.(ignored);
      const columns = [
        ...Object.entries(TRANSACTIONS_COLUMNS).map(([name, type]) => `${name}::${type} AS ${name}`),
        ...Object.entries(OPTIONAL_COLUMNS).map(
          ([name, type]) => `${present.has(name) ? name : null}::${type} AS ${name}`,
        ),
      ];
      const select = `SELECT ${columns.join(", ")}, client_transaction_id::VARCHAR AS tie_order FROM ${file}`;
      if (isParquet) return select;
      // The SELECT runs several times, so the text is parsed only once.
      await connection.run(`CREATE TEMP TABLE parsed AS ${select}`).catch((error: unknown) => {
        throw unreadableInput(path, error);
      });
      return "SELECT * FROM parsed";
    },
  };
}

/** Name, size and modification time of each matching file. @throws TriplineError `invalid-field` */
export async function filesIdentity(connection: DuckDBConnection, pattern: string): Promise<string[]> {
  const query = `SELECT filename, size, epoch_us(last_modified) FROM read_blob(${sqlText(pattern)}) ORDER BY filename`;
  const reader = await connection.runAndReadAll(query).catch((error: unknown) => {
    throw unreadableInput(pattern, error);
  });
  return reader.getRows().map((row) => row.map(String).join(" "));
}

async function columnsOf(connection: DuckDBConnection, file: string, path: string): Promise<ReadonlySet<string>> {
  try {
    const described = await connection.runAndReadAll(`SELECT * FROM ${file} LIMIT 0`);
    return new Set(described.columnNames());
  } catch (error) {
    throw unreadableInput(path, error);
  }
}

/** Converts a DuckDB error about an input to an error for the user who supplied it. */
export function unreadableInput(path: string, error: unknown): TriplineError {
  const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return new TriplineError("invalid-field", `${path} cannot be read: ${reason}`, [], { cause: error });
}
