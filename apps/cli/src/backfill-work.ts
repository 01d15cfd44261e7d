import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { openDatabase } from "./backfill-database.js";

/*
 * Where a backfill keeps what it has done: the folder `<output>.work`. Whoever starts the same backfill again, after it was
 * cut off at any moment, goes on from there; another backfill to the same output starts with an empty folder.
 *
 *   fingerprint        hash of everything the result depends on
 *   work.duckdb        payments and labels in event order, see backfill-prepare.ts
 *   part-000000.parquet and so on   finished rows
 *   states-000000.bin  window states after some part
 *   checkpoint.json    which parts and which states belong together
 */

/** Raised whenever what is in the folder, or what the same events give, changes. */
const WORK_FORMAT = 1;

export interface WorkFolder {
  readonly path: string;
  readonly database: DuckDBInstance;
}

/** A hash of everything a result depends on, in order. */
export function fingerprintOf(parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${WORK_FORMAT}`);
  for (const part of parts) hash.update(createHash("sha256").update(part).digest());
  return hash.digest("hex");
}

/**
 * Opens the work folder of an output, empty unless it was left by a backfill with the same fingerprint.
 *
 * @throws TriplineError `state-conflict` while another process writes to the same output
 */
export async function openWorkFolder(outputPath: string, fingerprint: string): Promise<WorkFolder> {
  const path = `${outputPath}.work`;
  await mkdir(path, { recursive: true });
  const known = await readFile(join(path, "fingerprint"), "utf8").catch(() => undefined);
  // The database is opened even where it will not be used: its lock says whether somebody else is at work here.
  const left = await openExclusively(outputPath, join(path, "work.duckdb"));
  if (left !== undefined && known === fingerprint && (await isPrepared(left))) return { path, database: left };
  left?.closeSync();
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  await replaceFile(join(path, "fingerprint"), fingerprint);
  const database = await openExclusively(outputPath, join(path, "work.duckdb"));
  if (database === undefined) throw new TriplineError("internal", `${path} cannot be written to.`);
  return { path, database };
}

/** Whether `prepareEvents` came to its end in this database. */
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

/** Writes a file that is there as a whole or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** Undefined for a file that is no database, for instance because the process died while it made one. */
async function openExclusively(outputPath: string, path: string): Promise<DuckDBInstance | undefined> {
  try {
    return await openDatabase(path);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("lock"))) return undefined;
    const sentence = `Another backfill is writing to ${outputPath}; wait for it, or stop it and start this one again.`;
    throw new TriplineError("state-conflict", sentence, [], { cause: error });
  }
}
