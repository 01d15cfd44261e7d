import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

/** Tables in a backup, each after the tables that it references. Tables with short-lived data are omitted. */
const TABLES = [
  ...(["clients", "signing_keys", "people", "passkeys", "identity_providers"] as const),
  ...(["scim_tokens", "scim_groups", "scim_members"] as const),
];
/** Defaults for columns that rows of an earlier version lack. */
const ADDED_COLUMNS = {
  clients: { redirect_uris: [], signed_out_uris: [] },
  signing_keys: { active_from: "1970-01-01T00:00:00Z" },
  people: { provider_groups: [], provider_subject_claim: "sub" },
  passkeys: {},
  identity_providers: { provisioning_match: "external_id" },
  scim_tokens: {},
  scim_groups: {},
  scim_members: {},
};
const FORMAT = 1;
const ROWS_MAX = 1_000_000;

const migration = z.object({ version: z.number().int(), sha256: z.string() });
const row = z.object({ row: z.record(z.string(), z.unknown()) });

const backup = z.strictObject({
  format: z.literal(FORMAT),
  created_at: z.iso.datetime(),
  migrations: z.array(migration),
  tables: z.strictObject({
    clients: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX),
    signing_keys: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX),
    /** Absent from backups of earlier versions. */
    people: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
    passkeys: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
    identity_providers: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
    scim_tokens: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
    scim_groups: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
    scim_members: z.array(z.record(z.string(), z.unknown())).max(ROWS_MAX).optional(),
  }),
  sha256: z.string(),
});

export type Backup = z.infer<typeof backup>;
type Content = Omit<Backup, "sha256">;

/**
 * Everything that auth cannot recreate: clients and users with hashed secrets and passwords, passkeys, identity
 * providers with their SCIM tokens and groups, and encrypted signing keys, but not KEY_ENCRYPTION_KEY itself. Call it
 * in a transaction, for a consistent snapshot.
 */
export async function backUp(transaction: Queries, now: Date): Promise<Backup> {
  await transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const migrations = await appliedMigrations(transaction);
  const rowsOf = async (table: (typeof TABLES)[number]) => {
    const rows = await transaction.query(row, `SELECT to_jsonb(t) AS row FROM auth.${table} t ORDER BY 1`);
    return rows.map((one) => one.row);
  };
  const tables = {
    clients: await rowsOf("clients"),
    signing_keys: await rowsOf("signing_keys"),
    people: await rowsOf("people"),
    passkeys: await rowsOf("passkeys"),
    identity_providers: await rowsOf("identity_providers"),
    scim_tokens: await rowsOf("scim_tokens"),
    scim_groups: await rowsOf("scim_groups"),
    scim_members: await rowsOf("scim_members"),
  };
  const content: Content = { format: FORMAT, created_at: now.toISOString(), migrations, tables };
  return { ...content, sha256: digest(content) };
}

/**
 * @param text a backup as JSON
 * @throws TriplineError `config-invalid` if the text is not a complete backup
 */
export function parseBackup(text: string): Backup {
  const refused = (why: string) => new TriplineError("config-invalid", `The backup is unusable: ${why}.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw refused("it is not JSON, or is truncated");
  }
  const parsed = backup.safeParse(json);
  if (!parsed.success) throw refused(`${parsed.error.issues[0]?.path.join(".")} ${parsed.error.issues[0]?.message}`);
  const { sha256, ...content } = parsed.data;
  if (digest(content) !== sha256)
    throw refused("its checksum does not match, because it was changed after it was made");
  return parsed.data;
}

/**
 * Restores a backup into a database that has this build's schema but no clients or keys. Call it in a transaction.
 *
 * @returns restored rows
 * @throws TriplineError `config-invalid` if the database is in use, or the backup has a newer schema
 */
export async function restore(transaction: Queries, { migrations, tables }: Backup): Promise<number> {
  const known = new Set((await appliedMigrations(transaction)).map(({ sha256 }) => sha256));
  const unknown = migrations.find(({ sha256 }) => !known.has(sha256));
  if (unknown !== undefined) {
    const detail =
      `The backup contains migration ${unknown.version}, which this version of auth does not support. Restore it with the ` +
      "version that made it, or a newer one.";
    throw new TriplineError("config-invalid", detail);
  }
  let count = 0;
  for (const table of TABLES) {
    const [held] = await transaction.query(
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM auth.${table}`,
    );
    if (held === undefined || held.count > 0) {
      const detail = `The table auth.${table} is not empty. Restore into an empty database.`;
      throw new TriplineError("config-invalid", detail);
    }
    for (const one of tables[table] ?? []) {
      const insert = `INSERT INTO auth.${table} SELECT * FROM jsonb_populate_record(NULL::auth.${table}, $1::jsonb)`;
      count += await transaction.execute(insert, [JSON.stringify({ ...ADDED_COLUMNS[table], ...one })]);
    }
  }
  return count;
}

function appliedMigrations(queries: Queries): Promise<z.infer<typeof migration>[]> {
  return queries.query(migration, "SELECT version, sha256 FROM auth.schema_migrations ORDER BY version");
}

function digest(content: Content): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
