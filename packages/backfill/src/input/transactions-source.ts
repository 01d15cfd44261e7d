import type { DuckDBConnection } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import { sqlText } from "./work-database.js";

/** Columns of a transactions file with the DuckDB type each is read as. */
export const TRANSACTIONS_COLUMNS = {
  client_transaction_id: "VARCHAR",
  card_token: "VARCHAR",
  terminal_id: "VARCHAR",
  amount_minor: "BIGINT",
  currency: "VARCHAR",
  occurred_at_ms: "BIGINT",
  fraud: "TINYINT",
  labelled_at_ms: "BIGINT",
} as const;

/** SQL for the optional columns that a source does not have. */
export function absentColumns(present: readonly (keyof typeof OPTIONAL_COLUMNS)[]): string {
  return Object.entries(OPTIONAL_COLUMNS)
    .filter(([name]) => !present.some((one) => one === name))
    .map(([name, type]) => `NULL::${type} AS ${name}`)
    .join(", ");
}

/** Where payments and their labels come from. */
export interface TransactionsSource {
  /**
   * Prepares what it needs on the connection.
   *
   * @returns a SELECT with all columns of a transactions file and `tie_order`, which orders events of the same time. It
   * can be run several times on that connection.
   */
  prepare(connection: DuckDBConnection, tenant: string): Promise<string>;
  /**
   * What tells this input from others, the state of its files among it: a backfill that was cut off goes on only with the
   * input it began with. Without it, every backfill begins anew.
   *
   * @throws TriplineError `invalid-field` when the files cannot be looked at
   */
  identity?(connection: DuckDBConnection): Promise<readonly string[]>;
}

/**
 * A transactions file: Parquet or CSV, plain or gzipped; `path` may be a glob.
 *
 * Its `prepare` throws TriplineError `invalid-field` when the file cannot be read or lacks a column.
 *
 * @param onIgnored gets the columns that no feature is computed from, if there are any
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
      // The SELECT is run several times: text is parsed once.
      await connection.run(`CREATE TEMP TABLE parsed AS ${select}`).catch((error: unknown) => {
        throw unreadableInput(path, error);
      });
      return "SELECT * FROM parsed";
    },
  };
}

/** Name, size and time of change of every file that matches. @throws TriplineError `invalid-field` */
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

/** What DuckDB says about an input, as an error for whoever gave that input. */
export function unreadableInput(path: string, error: unknown): TriplineError {
  const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return new TriplineError("invalid-field", `${path} cannot be read: ${reason}`, [], { cause: error });
}
