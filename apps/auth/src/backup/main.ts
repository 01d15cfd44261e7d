import { readFile, rename, writeFile } from "node:fs/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { isStoreUrl, openStore } from "@tripline/object-store/open-store";
import { readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { reachDatabase } from "@tripline/stores/postgres/reach-database";
import { z } from "zod";
import { databaseConfig } from "../config.js";
import { AUTH_MIGRATIONS } from "../database/set-up-database.js";
import { backUp, parseBackup, restore } from "./back-up-database.js";

/** `tripline backup` and `tripline restore` start this program, because only this service knows its tables. */

const QUERY_MS_MAX = 60_000;
/** Readable only by the owner, because the file contains hashes of secrets. */
const FILE_MODE = 0o600;

const backUpConfig = z.object({
  ...databaseConfig.shape,
  BACKUP_FILE: z.string().min(1),
  BACKUP_ACTION: z.enum(["backup", "restore"]),
});

async function write(database: Database, file: string): Promise<string> {
  const made = await database.transaction((transaction) => backUp(transaction, new Date()));
  await keep(file, `${JSON.stringify(made)}\n`);
  const { clients, people = [], signing_keys: keys } = made.tables;
  return `Saved ${clients.length} clients, ${people.length} people and ${keys.length} encrypted keys in ${file}`;
}

/** Writes the complete backup to a file or, for a URL, to an object store. */
async function keep(place: string, text: string): Promise<void> {
  if (isStoreUrl(place)) {
    const { store, key } = await openAt(place);
    return store.put(key, text);
  }
  const half = `${place}.part`;
  await writeFile(half, text, { mode: FILE_MODE });
  await rename(half, place);
}

async function kept(place: string): Promise<string> {
  if (!isStoreUrl(place)) {
    return readFile(place, "utf8").catch((cause: Error) => {
      throw new TriplineError("config-invalid", `The backup cannot be read: ${cause.message}.`, [], { cause });
    });
  }
  const { store, key } = await openAt(place);
  const data = await store.get(key);
  if (data !== undefined) return Buffer.from(data).toString();
  throw new TriplineError("config-invalid", `The backup cannot be read: ${place} does not exist.`);
}

async function openAt(url: string): Promise<{ store: ObjectStore; key: string }> {
  const end = url.lastIndexOf("/");
  return { store: await openStore(url.slice(0, end)), key: url.slice(end + 1) };
}

async function read(database: Database, file: string): Promise<string> {
  const text = await kept(file);
  const backup = parseBackup(text);
  const rows = await database.transaction(async (transaction) => {
    await migrateDatabase(transaction, AUTH_MIGRATIONS);
    return restore(transaction, backup);
  });
  return `Restored ${rows} rows of the backup made at ${backup.created_at}. Start auth with the KEY_ENCRYPTION_KEY that was in use then`;
}

try {
  const config = readConfig(backUpConfig, process.env);
  const { BACKUP_FILE: file, BACKUP_ACTION: action } = config;
  const database = connectDatabase({
    ...reachDatabase(config),
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError: () => {},
  });
  try {
    process.stdout.write(`${await (action === "backup" ? write : read)(database, file)}\n`);
  } finally {
    await database.close();
  }
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
