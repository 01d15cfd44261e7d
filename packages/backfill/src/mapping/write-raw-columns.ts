import type { DuckDBConnection } from "@duckdb/node-api";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { sqlName, sqlText } from "../input/work-database.js";
import type { Mapping } from "./mapping.js";

/** A text column with more distinct values than this contains ids or names, which do not generalise. */
const CATEGORIES_MAX = 200;
const SAMPLE_ROWS = 10_000;

/**
 * Writes those original columns of accepted rows from which a model without features can be trained for comparison:
 * numbers, and texts with few distinct values. Omits ids, labels and personal data.
 */
export async function writeRawColumns(
  connection: DuckDBConnection,
  mapping: Mapping,
  columns: readonly string[],
  path: string,
): Promise<void> {
  const hidden = hiddenColumns(mapping);
  const values: string[] = [];
  for (const column of columns.filter((name) => !hidden.has(name))) {
    const type = await typeOf(connection, column);
    if (type === undefined) continue;
    // `mapped` may contain a column with the same name.
    values.push(`try_cast(nullif(trim(raw.${sqlName(column)}), '') AS ${type}) AS ${sqlName(column)}`);
  }
  await connection.run(
    `COPY (SELECT ${["mapped.transaction_id AS client_transaction_id", ...values].join(", ")}
     FROM mapped JOIN raw ON raw.rowid = mapped.raw_row WHERE reason IS NULL) TO ${sqlText(path)} (FORMAT parquet)`,
  );
}

function hiddenColumns({ fields, label }: Mapping): ReadonlySet<string | undefined> {
  const tokens = MAPPED_FIELDS.filter(({ token }) => token !== undefined).map(({ name }) => fields[name]?.column);
  const own = [fields.transaction_id.column, fields.card.column, label?.column, label?.reported_at?.column];
  return new Set([...tokens, ...own, "client_transaction_id"]);
}

/** Undefined if the column has neither numbers nor categories. */
async function typeOf(connection: DuckDBConnection, column: string): Promise<"DOUBLE" | "VARCHAR" | undefined> {
  const text = `nullif(trim(${sqlName(column)}), '')`;
  const sample = await connection.runAndReadAll(
    `SELECT ${text} FROM raw WHERE ${text} IS NOT NULL LIMIT ${SAMPLE_ROWS}`,
  );
  const texts = (sample.getColumns()[0] ?? []).map(String);
  if (texts.length === 0 || texts.some(holdsCardNumber)) return undefined;
  const counted = await connection.runAndReadAll(`SELECT
    count(*) FILTER (try_cast(${text} AS DOUBLE) IS NULL) = 0, approx_count_distinct(${text})::DOUBLE
    FROM raw WHERE ${text} IS NOT NULL`);
  const [isNumber, distinct] = counted.getRows()[0] ?? [];
  if (isNumber === true) return "DOUBLE";
  return Number(distinct) <= CATEGORIES_MAX ? "VARCHAR" : undefined;
}
