import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { openDatabase, sqlName } from "./work-database.js";

/*
 * A backfill's working state: the folder `<output>.work`. If a backfill is interrupted at any point, starting it again
 * resumes from this folder. A different backfill to the same output starts with an empty folder.
 *
 *   fingerprint        hash of everything the result depends on
 *   work.duckdb        payments and labels in event order, see prepare-events.ts
 *   part-000000.parquet and so on   finished rows
 *   states-000000.bin  window states after some part
 *   checkpoint.json    which parts and which states belong together
 *   merged.parquet     the output, while it is written from the parts
 */

/** Incremented whenever the format of the folder, or the result for the same events, changes. */
const WORK_FORMAT = 3;
const DATABASE = "work.duckdb";
const FINGERPRINT = "fingerprint";

export interface WorkFolder {
  readonly path: string;
  readonly database: DuckDBInstance;
  /** Releases the folder. */
  close(): void;
}

/** Folders used by this process. The database lock excludes only other processes. */
const inUse = new Set<string>();

/** A hash, in order, of everything that affects the result. */
export function fingerprintOf(parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${WORK_FORMAT}`);
  for (const part of parts) hash.update(createHash("sha256").update(part).digest());
  return hash.digest("hex");
}

/**
 * Opens the work folder of an output, and empties it unless a backfill with the same fingerprint left it.
 *
 * @throws TriplineError `state-conflict` while another process writes to the same output
 */
export async function openWorkFolder(outputPath: string, fingerprint: string): Promise<WorkFolder> {
  const path = resolve(`${outputPath}.work`);
  if (inUse.has(path)) throw busy(outputPath);
  inUse.add(path);
  try {
    const database = await openOwnDatabase(outputPath, path, fingerprint);
    const close = () => {
      database.closeSync();
      inUse.delete(path);
    };
    return { path, database, close };
  } catch (error) {
    inUse.delete(path);
    throw error;
  }
}

/** From here on, the database lock excludes other processes, so the database file itself must never be replaced. */
async function openOwnDatabase(outputPath: string, path: string, fingerprint: string): Promise<DuckDBInstance> {
  await mkdir(path, { recursive: true });
  const database = await openExclusively(outputPath, join(path, DATABASE));
  try {
    const known = await readFile(join(path, FINGERPRINT), "utf8").catch(() => undefined);
    if (known === fingerprint && (await isPrepared(database))) return database;
    for (const name of await readdir(path)) {
      if (!name.startsWith(DATABASE)) await rm(join(path, name), { recursive: true, force: true });
    }
    await dropEverything(database);
    await replaceFile(join(path, FINGERPRINT), fingerprint);
    return database;
  } catch (error) {
    database.closeSync();
    throw error;
  }
}

/** Drops all tables and types. */
async function dropEverything(database: DuckDBInstance): Promise<void> {
  const connection = await database.connect();
  try {
    const found = await connection.runAndReadAll(`
      SELECT 'TABLE', table_name FROM duckdb_tables() WHERE NOT internal
      UNION ALL SELECT 'TYPE', type_name FROM duckdb_types() WHERE NOT internal AND schema_name = 'main'
      ORDER BY 1, 2`);
    for (const [kind, name] of found.getRows()) await connection.run(`DROP ${String(kind)} ${sqlName(String(name))}`);
  } finally {
    connection.closeSync();
  }
}

/** Whether `prepareEvents` completed in this database. */
export async function isPrepared(database: DuckDBInstance): Promise<boolean> {
  const connection = await database.connect();
  try {
    const query = "SELECT count(*)::INTEGER FROM duckdb_tables() WHERE table_name = 'prepared'";
    const reader = await connection.runAndReadAll(query);
    return reader.getRows()[0]?.[0] === 1;
  } finally {
    connection.closeSync();
  }
}

/** Writes a file atomically. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** Replaces a file that is not a database, which can exist if the machine crashed while writing it. */
async function openExclusively(outputPath: string, path: string): Promise<DuckDBInstance> {
  try {
    return await openDatabase(path);
  } catch (error) {
    if (/could not set lock/i.test(String(error))) throw busy(outputPath, error);
    await rm(path, { force: true });
    await rm(`${path}.wal`, { force: true });
    return openDatabase(path);
  }
}

function busy(outputPath: string, cause?: unknown): TriplineError {
  const sentence = `Another backfill is writing to ${outputPath}. Wait until it finishes, or stop it and run this one again.`;
  return new TriplineError("state-conflict", sentence, [], { cause });
}
