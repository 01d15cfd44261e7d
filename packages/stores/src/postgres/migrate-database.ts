import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import type { Queries } from "./connect-database.js";

/** The tables of one service. Each service has its own schema, which no other service uses. */
export interface Migrations {
  readonly schema: string;
  /** Contains files such as `0001-what-it-does.sql`, which are applied in the order of their numbers. */
  readonly directory: URL;
}

const FILE_PATTERN = /^(\d{4})-[a-z0-9-]+\.sql$/;

/** An arbitrary number that all instances share and that no other program uses in this database. */
const LOCK_ID = 7_113_002_961;
const LOCK_TIMEOUT_MS = 30_000;

const schemaRow = z.object({ exists: z.boolean() });
const appliedRow = z.object({ version: z.number(), sha256: z.string() });

/**
 * Migrates a service's schema to the version of this build. If several instances start at the same time, one migrates
 * while the others wait for the lock, which is released when the transaction ends. Idempotent.
 *
 * @returns the number of applied migrations
 * @throws TriplineError `config-invalid` if a migration was edited after it had been applied
 */
export async function migrateDatabase(transaction: Queries, { schema, directory }: Migrations): Promise<number> {
  await transaction.execute(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await transaction.execute("SELECT pg_advisory_xact_lock($1)", [LOCK_ID]);
  // Postgres rejects even `IF NOT EXISTS` for a role that owns the schema but may not create schemas.
  const [found] = await transaction.query(schemaRow, "SELECT to_regnamespace($1) IS NOT NULL AS exists", [schema]);
  if (found?.exists !== true) await transaction.execute(`CREATE SCHEMA ${schema}`);
  await transaction.execute(`
    CREATE TABLE IF NOT EXISTS ${schema}.schema_migrations (
      version int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
    )`);
  const rows = await transaction.query(appliedRow, `SELECT version, sha256 FROM ${schema}.schema_migrations`);
  const applied = new Map(rows.map((row) => [row.version, row.sha256]));
  let count = 0;
  for (const name of (await readdir(directory)).toSorted()) {
    const version = Number(FILE_PATTERN.exec(name)?.[1]);
    if (Number.isNaN(version)) continue;
    const sql = await readFile(new URL(name, directory), "utf8");
    const sha256 = createHash("sha256").update(sql).digest("hex");
    const before = applied.get(version);
    if (before === sha256) continue;
    if (before !== undefined) {
      throw new TriplineError("config-invalid", `Migration ${name} was changed after it was applied; add a new one.`);
    }
    await transaction.execute(sql);
    await transaction.execute(`INSERT INTO ${schema}.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)`, [
      version,
      name,
      sha256,
    ]);
    count += 1;
  }
  return count;
}
