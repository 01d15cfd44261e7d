import type { DuckDBConnection } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { closestName } from "@tripline/contracts/text/closest-name";
import { sqlName, sqlText } from "../input/work-database.js";
import type { FieldSql } from "./field-sql.js";
import { fieldsSql, source, textOf } from "./field-sql.js";
import type { Mapping } from "./mapping.js";
import { FAULTY, readRaw } from "./read-raw.js";
import { NOT_UTF_8 } from "./repair-csv.js";
import type { TokenKey } from "./tokenise-values.js";
import { tokeniseFields } from "./tokenise-values.js";

/** The result of mapping a file. */
export interface MappedFile {
  /** Rows of the file, including broken ones. */
  readonly rows: number;
  readonly accepted: number;
  /** By reason, the most frequent first. */
  readonly rejected: readonly { readonly reason: string; readonly rows: number }[];
  /** For a file without ids: accepted rows with the same card, terminal, amount and time as an earlier row. */
  readonly repeated: number;
  /** Time of the earliest accepted row, in milliseconds since the epoch; undefined if no row was accepted. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  readonly labelled: number;
  readonly frauds: number;
  readonly columns: readonly string[];
  readonly unusedColumns: readonly string[];
}

/** How files with other records differ from files with payments. */
interface OtherRows {
  /** Additional columns of `mapped`. */
  readonly columns: readonly FieldSql[];
  /** Name of the `transaction_id` field in rejections. */
  readonly idName: string;
  /** Column of `mapped`. Rows are duplicates only if they have the same ID and the same version. */
  readonly version?: string;
}
const PAYMENTS: OtherRows = { columns: [], idName: "transaction_id" };

/**
 * Reads a file into the temporary table `mapped`, which has a column per field and, for rejected rows, a reason. The
 * table `raw` contains the rows' texts, and each table `tokens of <field>` contains the tokens of one field.
 *
 * @throws TriplineError `invalid-field` if the file cannot be read or lacks a column that the mapping names
 */
export async function mapRows(
  connection: DuckDBConnection,
  mapping: Mapping,
  key: TokenKey,
  other = PAYMENTS,
): Promise<MappedFile> {
  const { columns } = await readRaw(connection, mapping);
  const fields = [...fieldsSql(mapping), ...other.columns];
  const used = [...new Set(fields.flatMap(({ uses }) => uses))];
  requireColumns(mapping, columns, used);
  await connection.run(mappedTable(mapping, fields, used));
  const texts = other.columns.filter(({ type, uses }) => type === "VARCHAR" && uses.length > 0);
  await tokeniseFields(
    connection,
    mapping,
    key,
    texts.map(({ column }) => column),
  );
  const hasIds = mapping.fields.transaction_id.column !== undefined;
  if (hasIds) await rejectRepeatedIds(connection, other.version);
  if (other.idName !== PAYMENTS.idName) {
    await connection.run(
      `UPDATE mapped SET reason = replace(reason, 'transaction_id', ${sqlText(other.idName)}) WHERE reason IS NOT NULL`,
    );
  }
  const unusedColumns = columns.filter((name) => !used.includes(name));
  return {
    ...(await countRows(connection)),
    repeated: hasIds ? 0 : await repeatedPayments(connection, mapping),
    columns,
    unusedColumns,
  };
}

/** @throws TriplineError `invalid-field` that names each missing column and the most similar one of the file */
function requireColumns(mapping: Mapping, columns: readonly string[], used: readonly string[]): void {
  const missing = used.filter((name) => !columns.includes(name));
  if (missing.length === 0) return;
  const named = missing.map((name) => {
    const similar = closestName(name, columns);
    return similar === undefined ? name : `${name} (did you mean ${similar}?)`;
  });
  throw new TriplineError(
    "invalid-field",
    `${mapping.file} has no column ${named.join(", ")}. Its columns: ${columns.join(", ")}.`,
  );
}

function mappedTable(mapping: Mapping, fields: readonly FieldSql[], used: readonly string[]): string {
  const texts = used.map((column) => `${textOf(column, mapping.missing)} AS ${source(column)}`);
  const whole = mapping.format === "ndjson" ? ` WHERE NOT ${sqlName(FAULTY)}` : "";
  const values = fields.map(({ column, type, value }) => `(${value})::${type} AS ${sqlName(column)}`);
  const faults = fields.flatMap(({ faults: own }) => own);
  const cases = faults.map(([condition, reason]) => `WHEN ${condition} THEN ${sqlText(reason)}`);
  const kept = fields.map(({ column }) => sqlName(column));
  return `CREATE TEMP TABLE mapped AS
    SELECT raw_row, ${kept.join(", ")}, CASE ${cases.join(" ")} END AS reason
    FROM (SELECT *, ${values.join(", ")} FROM (SELECT ${["rowid AS raw_row", ...texts].join(", ")} FROM raw${whole}))`;
}

async function rejectRepeatedIds(connection: DuckDBConnection, version: string | undefined): Promise<void> {
  const of = version === undefined ? "1" : sqlName(version);
  const reason = `an earlier row has the same transaction_id${version === undefined ? "" : " and version"}`;
  await connection.run(`CREATE TEMP TABLE repeated AS SELECT transaction_id, ${of} AS same, min(raw_row) AS first_row
    FROM mapped WHERE reason IS NULL GROUP BY ALL HAVING count(*) > 1`);
  await connection.run(`UPDATE mapped SET reason = ${sqlText(reason)} FROM repeated
    WHERE mapped.transaction_id = repeated.transaction_id AND ${of} = same AND mapped.raw_row > first_row
      AND mapped.reason IS NULL`);
}

async function repeatedPayments(connection: DuckDBConnection, mapping: Mapping): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT coalesce(sum(copies - 1), 0)::DOUBLE FROM (SELECT count(*) AS copies FROM mapped WHERE reason IS NULL
     GROUP BY card, ${mapping.fields.terminal_id === undefined ? "" : "terminal_id, "}amount_minor, currency, occurred_at_ms HAVING count(*) > 1)`,
  );
  return Number(reader.getRows()[0]?.[0]);
}

/** SQL for the reason that the summary gives for a broken line. Of the lines that are not UTF-8, it names the first. */
const SUMMARY = `CASE WHEN starts_with(reason, ${sqlText(NOT_UTF_8)})
  THEN (SELECT arg_min(reason, line) || ' (the first one); see csv.encoding in the mapping' FROM broken
    WHERE starts_with(reason, ${sqlText(NOT_UTF_8)}))
  ELSE 'the line cannot be read' END`;

async function countRows(connection: DuckDBConnection) {
  const reader = await connection.runAndReadAll(`SELECT COLUMNS(*)::DOUBLE FROM (
    SELECT count(*), min(occurred_at_ms), max(occurred_at_ms), count(labelled_at_ms),
      coalesce(sum(fraud) FILTER (labelled_at_ms IS NOT NULL), 0)
    FROM mapped WHERE reason IS NULL)`);
  const [accepted, first, last, labelled, frauds] = reader.getRows()[0] ?? [];
  const reasons = await connection.runAndReadAll(`SELECT reason, count(*)::DOUBLE FROM (
    SELECT reason FROM mapped WHERE reason IS NOT NULL UNION ALL SELECT ${SUMMARY} FROM broken)
    GROUP BY reason ORDER BY 2 DESC, reason`);
  const rejected = reasons.getRows().map(([reason, rows]) => ({ reason: String(reason), rows: Number(rows) }));
  return {
    rows: Number(accepted) + rejected.reduce((sum, { rows }) => sum + rows, 0),
    accepted: Number(accepted),
    rejected,
    firstMs: first === null ? undefined : Number(first),
    lastMs: last === null ? undefined : Number(last),
    labelled: Number(labelled),
    frauds: Number(frauds),
  };
}
