import { access } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { profileView } from "@tripline/contracts/profile-tables";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { ProfileRow, ProfileRows } from "@tripline/feature-engine/profiles";
import { sqlName, sqlText } from "../input/work-database.js";

/** A row of a profile table, the source of one of Feast's views. */
export interface StoredProfile {
  readonly id: string;
  readonly atMs: number;
  /** By column of the table; null for a missing value. */
  readonly columns: Readonly<Record<string, number | null>>;
}

/**
 * The newest row of each entity at a given time, from the table of one profile.
 *
 * @throws TriplineError `not-found`, `invalid-field`
 */
export async function readProfiles(
  folder: string,
  entity: string,
  key: string,
  untilMs: number,
): Promise<StoredProfile[]> {
  const newest = `QUALIFY row_number() OVER (PARTITION BY ${sqlName(key)} ORDER BY event_timestamp DESC) = 1`;
  return query(folder, entity, key, `WHERE epoch_ms(event_timestamp) <= ${untilMs} ${newest}`);
}

/**
 * The profile rows from which vectors were computed, from the tables in a folder.
 *
 * @throws TriplineError `not-found` if a table is missing, `invalid-field` if it cannot be read
 */
export async function openProfiles(
  folder: string,
  engine: Pick<FeatureEngine, "profiles" | "entityId">,
): Promise<(vector: FeatureVector) => ProfileRows> {
  const tables: { readonly entity: number; readonly rows: ReadonlyMap<string, ProfileRow> }[] = [];
  for (const { name, entity, key, columns } of engine.profiles) {
    const stored = await query(folder, name, key, "");
    const values = (row: StoredProfile) => Float64Array.from(columns, (column) => row.columns[column] ?? Number.NaN);
    const rows = new Map(stored.map((row) => [`${row.atMs} ${row.id}`, { atMs: row.atMs, values: values(row) }]));
    tables.push({ entity, rows });
  }
  return ({ transaction, profileTimesMs }) =>
    tables.map(({ entity, rows }, index) => {
      const id = transaction && engine.entityId(entity, transaction);
      return rows.get(`${profileTimesMs[index]} ${id}`);
    });
}

async function query(folder: string, entity: string, key: string, rest: string): Promise<StoredProfile[]> {
  const path = join(folder, `${profileView(entity)}.parquet`);
  await access(path).catch((error: unknown) => {
    throw new TriplineError("not-found", `The profile table ${path} does not exist.`, [], { cause: error });
  });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const id = sqlName(key);
    const reader = await connection.runAndReadAll(
      `SELECT ${id}::VARCHAR AS id, epoch_ms(event_timestamp)::DOUBLE AS at_ms, COLUMNS(* EXCLUDE (${id}, event_timestamp))::DOUBLE
       FROM read_parquet(${sqlText(path)}) ${rest}`,
    );
    const names = reader.columnNames().slice(2);
    return reader.getRows().map(([rowId, atMs, ...values]) => ({
      id: String(rowId),
      atMs: Number(atMs),
      columns: Object.fromEntries(names.map((name, index) => [name, numberOrNull(values[index])])),
    }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("invalid-field", `${path} cannot be read as a profile table: ${reason}`, [], {
      cause: error,
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
