import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { unreadableInput } from "../input/transactions-source.js";
import { sqlName, sqlText } from "../input/work-database.js";
import type { Mapping } from "./mapping.js";
import type { BrokenLine } from "./repair-csv.js";
import { BROKEN_MAX, repairCsv } from "./repair-csv.js";
import type { CsvFormat, CsvHeader } from "./scan-lines.js";
import { csvFormat, linesAt, readHeader, scanLines } from "./scan-lines.js";

/** The rows of a file as texts, before they are mapped. */
export interface RawFile {
  readonly columns: readonly string[];
}

/** The parts of a mapping that are needed to read its file. */
export type FileFormat = Pick<Mapping, "file" | "format" | "csv">;

/** Number of objects at the start of an NDJSON file that are searched for columns. */
const SAMPLE_OBJECTS = 10_000;
/**
 * Separates the names of nested members: `card.number` is the member `number` of the member `card`. Only one level of
 * nesting is supported.
 */
const MEMBER = ".";

/**
 * Reads a file into two temporary tables. `raw` contains all columns as text; its rowid numbers the rows from 0.
 * `broken` contains the number, fault and text of each unreadable line.
 *
 * @throws TriplineError `invalid-field` if the file cannot be read
 */
export async function readRaw(connection: DuckDBConnection, format: FileFormat): Promise<RawFile> {
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run("CREATE TEMP TABLE broken (line BIGINT, reason VARCHAR, text VARCHAR)");
  try {
    if (format.format === "ndjson") return await readObjects(connection, format.file);
    if (format.format === "parquet") return await readParquet(connection, format.file);
    return await readCsv(connection, format);
  } catch (error) {
    throw error instanceof TriplineError ? error : unreadableInput(format.file, error);
  }
}

/** The first rows of a file, by column. @throws TriplineError `invalid-field` if it cannot be read */
export async function sampleRows(
  connection: DuckDBConnection,
  format: FileFormat,
  rows: number,
): Promise<{ readonly columns: readonly string[]; readonly texts: readonly (readonly (string | null)[])[] }> {
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const { columns, from, texts } = await openSample(connection, format);
    const reader = await connection.runAndReadAll(`SELECT ${texts.join(", ")} FROM ${from} LIMIT ${rows}`);
    return {
      columns,
      texts: reader.getColumns().map((column) => column.map((value) => (value === null ? null : String(value)))),
    };
  } catch (error) {
    throw error instanceof TriplineError ? error : unreadableInput(format.file, error);
  }
}

/** Up to `max` distinct texts of a column, from the whole file. Chosen by hash, because the smallest are alike. */
export async function distinctTexts(
  connection: DuckDBConnection,
  format: FileFormat,
  column: string,
  max: number,
): Promise<string[]> {
  const { columns, from, texts } = await openSample(connection, format);
  const text = texts[columns.indexOf(column)];
  if (text === undefined) return [];
  const reader = await connection.runAndReadAll(`
    SELECT value FROM (SELECT DISTINCT trim(${text}) AS value FROM ${from} WHERE value IS NOT NULL)
    ORDER BY hash(value) LIMIT ${max}`);
  return reader
    .getRows()
    .map(([value]) => String(value))
    .toSorted();
}

async function openSample(connection: DuckDBConnection, { file, format, csv }: FileFormat) {
  const asText = (columns: readonly string[]) => columns.map((name) => `${sqlName(name)}::VARCHAR`);
  if (format === "ndjson") {
    const columns = await membersOf(connection, file);
    return { columns, from: objects(file), texts: columns.map(memberText) };
  }
  if (format === "parquet") {
    const from = `read_parquet(${sqlText(file)})`;
    const columns = (await connection.runAndReadAll(`SELECT * FROM ${from} LIMIT 0`)).columnNames();
    return { columns, from, texts: asText(columns) };
  }
  const header = await readHeader(file, csv);
  const from = csvTable(file, csvFormat(csv), header, "ignore_errors = true");
  return { columns: header.columns, from, texts: asText(header.columns) };
}

const memberText = (name: string): string => `json_extract_string(json, ${sqlText(pointerOf(name))})`;

async function readCsv(connection: DuckDBConnection, format: FileFormat): Promise<RawFile> {
  const { file } = format;
  const csv = csvFormat(format.csv);
  const header = await readHeader(file, csv);
  const { isIrregular, blank } = await scanLines(file, csv);
  await connection.run("CREATE TEMP TABLE gaps (line BIGINT, own BIGINT)");
  if (!isIrregular) {
    await storeGaps(connection, blank);
    return readRecords(connection, { file, csv, header, removed: [] });
  }
  const folder = await mkdtemp(join(tmpdir(), "tripline-csv-"));
  try {
    const copy = join(folder, "payments.csv");
    const repaired = await repairCsv(file, copy, csv, header.delimiter);
    if (repaired.broken.length > BROKEN_MAX) throw tooManyBroken(file);
    await storeGaps(connection, repaired.blank);
    await storeBroken(connection, repaired.broken);
    const removed = repaired.broken.map(({ line }) => line);
    return await readRecords(connection, { file: copy, csv, header, removed });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tooManyBroken(file: string): TriplineError {
  return new TriplineError(
    "invalid-field",
    `${file} has more than ${BROKEN_MAX} lines that cannot be read: check csv.delimiter and csv.quote.`,
  );
}

/** Stores the numbers of blank lines. */
async function storeGaps(connection: DuckDBConnection, blank: readonly number[]): Promise<void> {
  const gaps = await connection.createAppender("gaps", null, "temp");
  for (const line of blank) {
    gaps.appendBigInt(BigInt(line));
    gaps.appendBigInt(1n);
    gaps.endRow();
  }
  gaps.closeSync();
}

async function storeBroken(connection: DuckDBConnection, broken: readonly BrokenLine[]): Promise<void> {
  const lines = await connection.createAppender("broken", null, "temp");
  for (const { line, reason, text } of broken) {
    lines.appendBigInt(BigInt(line));
    lines.appendVarchar(reason);
    lines.appendVarchar(text);
    lines.endRow();
  }
  lines.closeSync();
}

interface CsvRecords {
  /** A file in UTF-8. */
  readonly file: string;
  readonly csv: CsvFormat;
  readonly header: CsvHeader;
  /** Lines of the original that this copy lacks. */
  readonly removed: readonly number[];
}

/** Every record of the file either becomes a row of `raw` or is stored as broken. */
async function readRecords(connection: DuckDBConnection, { file, csv, header, removed }: CsvRecords): Promise<RawFile> {
  // With parallel blocks, rows would be numbered per block.
  const rejects =
    "store_rejects = true, rejects_table = 'csv_errors', rejects_scan = 'csv_scans', rejects_limit = 0, parallel = false";
  await connection.run(`CREATE TEMP TABLE raw AS SELECT * FROM ${csvTable(file, csv, header, rejects)}`);
  const reader =
    await connection.runAndReadAll(`SELECT min(line_byte_position)::DOUBLE, min(error_message), min(csv_line)
    FROM csv_errors GROUP BY line ORDER BY 1 LIMIT ${BROKEN_MAX + 1}`);
  const errors = reader.getRows();
  if (errors.length > BROKEN_MAX) throw tooManyBroken(file);
  const lines =
    errors.length === 0
      ? []
      : await linesAt(
          file,
          errors.map(([position]) => Number(position) - 1),
        );
  let missing = 0;
  const broken = errors.map(([, reason, text], index): BrokenLine => {
    // Adds the removed lines that precede this one.
    while ((removed[missing] ?? Number.POSITIVE_INFINITY) <= (lines[index] ?? 0) + missing) missing += 1;
    return { line: (lines[index] ?? 0) + missing, reason: String(reason), text: String(text).replace(/^[\r\n]+/, "") };
  });
  await storeBroken(connection, broken);
  return { columns: header.columns };
}

/** Disables auto-detection, because a type detected from a sample may be wrong for the rest of the file. */
function csvTable(file: string, { quote }: CsvFormat, { delimiter, columns }: CsvHeader, more: string): string {
  const options = [
    "header = true, auto_detect = false, all_varchar = true",
    `delim = ${sqlText(delimiter)}, quote = ${sqlText(quote)}, escape = ${sqlText(quote)}`,
    `columns = {${columns.map((name) => `${sqlText(name)}: 'VARCHAR'`).join(", ")}}`,
    more,
  ];
  return `read_csv(${sqlText(file)}, ${options.join(", ")})`;
}

async function readParquet(connection: DuckDBConnection, file: string): Promise<RawFile> {
  const from = `read_parquet(${sqlText(file)})`;
  const described = await connection.runAndReadAll(`SELECT * FROM ${from} LIMIT 0`);
  const columns = described.columnNames();
  const texts = columns.map((name) => `${sqlName(name)}::VARCHAR AS ${sqlName(name)}`);
  await connection.run(`CREATE TEMP TABLE raw AS SELECT ${texts.join(", ")} FROM ${from}`);
  return { columns };
}

async function readObjects(connection: DuckDBConnection, file: string): Promise<RawFile> {
  const columns = await membersOf(connection, file);
  const values = columns.map((name) => `${memberText(name)} AS ${sqlName(name)}`);
  await connection.run(`CREATE TEMP TABLE raw AS SELECT ${values.join(", ")}, json IS NULL AS ${sqlName(FAULTY)}
    FROM ${objects(file)}`);
  await connection.run(`INSERT INTO broken SELECT rowid + 1, 'The line is not a JSON object.', '' FROM raw
    WHERE ${sqlName(FAULTY)} ORDER BY rowid`);
  return { columns };
}

/** Column of `raw` that marks broken lines. */
export const FAULTY = "tripline:faulty";

/** The members of the file's first objects, including those of nested objects. */
async function membersOf(connection: DuckDBConnection, file: string): Promise<string[]> {
  const sample = `(SELECT json FROM ${objects(file)} WHERE json IS NOT NULL LIMIT ${SAMPLE_OBJECTS})`;
  const inner = `SELECT name, json_extract(json, '/' || name) AS value FROM (SELECT json, unnest(json_keys(json)) AS name FROM ${sample})`;
  const found = await connection.runAndReadAll(`
    SELECT DISTINCT name FROM (${inner}) WHERE json_type(value) <> 'OBJECT'
    UNION SELECT DISTINCT name || '${MEMBER}' || unnest(json_keys(value)) FROM (${inner}) WHERE json_type(value) = 'OBJECT'
    ORDER BY 1`);
  return found.getRows().map(([name]) => String(name));
}

const objects = (file: string): string => `read_ndjson_objects(${sqlText(file)}, ignore_errors = true)`;

const pointerOf = (name: string): string =>
  `/${name.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll(MEMBER, "/")}`;
