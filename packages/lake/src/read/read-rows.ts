import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection, JS } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { databaseMemory } from "../database-memory.js";
import { lakeUnavailable } from "../log/lake-disk.js";
import { sqlName, sqlText } from "../sql-text.js";
import { holdFiles } from "./hold-files.js";

export interface ReadRowsOptions {
  readonly lake: string;
  readonly topic: string;
  /** UTC, `YYYY-MM-DD`. Default: all days. */
  readonly days?: readonly string[];
  /** Default: all columns. */
  readonly columns?: readonly string[];
  /** In DuckDB's format, for example `512MB`. Default: see `databaseMemory`. */
  readonly memoryLimit?: string;
}

/** A cell: exact integers, times as Date, lists as arrays, structs as objects. */
export type LakeValue = string | number | boolean | null | Date | Uint8Array | readonly LakeValue[] | LakeRow;

/** A row by column name; `lake-tables.ts` lists the columns. */
export interface LakeRow {
  readonly [column: string]: LakeValue;
}

/**
 * The rows of a topic, ordered by `kafka_partition` and `kafka_offset`, in chunks of about 2,000. All chunks show the
 * topic as of the first chunk. Memory is bounded, regardless of the number of rows, because the sort spills to the
 * temporary folder.
 *
 * @throws TriplineError like `listFiles`; `invalid-field` for an unknown column or an integer beyond 2^53;
 * `lake-unavailable` if a file cannot be read, for example because a compaction removed it
 */
export async function* readRows(options: ReadRowsOptions): AsyncGenerator<LakeRow[]> {
  const held = await holdFiles(options.lake, options.topic, options.days);
  if (held.paths.length === 0) return;
  const folder = await mkdtemp(join(tmpdir(), "tripline-lake-"));
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: options.memoryLimit ?? databaseMemory(),
    temp_directory: folder,
  });
  const connection = await instance.connect();
  try {
    yield* orderedRows(connection, held.paths, options);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await held.release();
    await rm(folder, { recursive: true, force: true });
  }
}

async function* orderedRows(
  connection: DuckDBConnection,
  paths: readonly string[],
  { topic, columns }: ReadRowsOptions,
): AsyncGenerator<LakeRow[]> {
  const what = columns === undefined ? "*" : columns.map(sqlName).join(", ");
  try {
    if (columns !== undefined) await requireColumns(connection, paths, topic, columns);
    const rows = await connection.stream(
      `SELECT ${what} FROM ${filesTable(paths)} ORDER BY kafka_partition, kafka_offset`,
    );
    for await (const chunk of rows.yieldRowObjectJs()) yield chunk.map(asRow);
  } catch (thrown) {
    if (thrown instanceof TriplineError) throw thrown;
    throw lakeUnavailable(`The archive of ${topic} cannot be read`, thrown);
  }
}

/** Files as one SQL table. If only newer files have a column, it is null in the rows of older files. */
export function filesTable(paths: readonly string[]): string {
  return `read_parquet([${paths.map(sqlText).join(", ")}], union_by_name = true, hive_partitioning = false)`;
}

async function requireColumns(
  connection: DuckDBConnection,
  paths: readonly string[],
  topic: string,
  columns: readonly string[],
): Promise<void> {
  const described = await connection.runAndReadAll(`SELECT * FROM ${filesTable(paths)} LIMIT 0`);
  const known = new Set(described.columnNames());
  const missing = columns.filter((column) => !known.has(column));
  if (missing.length === 0) return;
  const detail = `The archive of ${topic} has no column ${missing.join(", ")}; it has ${[...known].join(", ")}.`;
  throw new TriplineError("invalid-field", detail);
}

function asRow(columns: Record<string, JS>): LakeRow {
  const entries = Object.entries(columns).map(([name, value]): [string, LakeValue] => [name, asValue(value)]);
  return Object.fromEntries(entries);
}

function asValue(value: JS): LakeValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new TriplineError("invalid-field", `The archive contains ${value}, which a number cannot represent exactly.`);
  }
  if (Array.isArray(value)) return value.map(asValue);
  if (value instanceof Uint8Array) return value;
  if (value === null || typeof value !== "object" || value instanceof Date) return asPlain(value);
  return asRow(value as Record<string, JS>);
}

function asPlain(value: JS): LakeValue {
  if (value === null || value instanceof Date) return value;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new TriplineError("internal", `The archive contains a column of an unsupported type: ${typeof value}.`);
}
