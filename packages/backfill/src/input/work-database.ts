import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { databaseMemory } from "@tripline/lake/database-memory";

export interface WorkDatabase {
  /** Two connections, so that one can stream a result while the other writes. */
  readonly reader: DuckDBConnection;
  readonly writer: DuckDBConnection;
  /** Closes the database and removes its files. */
  close(): Promise<void>;
}

/** A temporary DuckDB database on disk for one job, so that inputs that exceed memory can be sorted. */
export async function openWorkDatabase(): Promise<WorkDatabase> {
  const directory = await mkdtemp(join(tmpdir(), "tripline-backfill-"));
  try {
    const instance = await openDatabase(join(directory, "work.duckdb"));
    const reader = await instance.connect();
    const writer = await instance.connect();
    return {
      reader,
      writer,
      async close() {
        reader.closeSync();
        writer.closeSync();
        instance.closeSync();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Opens or creates a database file, with the memory limit. */
export async function openDatabase(path: string): Promise<DuckDBInstance> {
  return DuckDBInstance.create(path, { memory_limit: databaseMemory() });
}

/** A SQL string literal. */
export function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A quoted SQL identifier. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
