import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { z } from "zod";

import { AUTH_MIGRATIONS } from "./set-up-database.js";

const FIRST_MIGRATION = "0001-clients-and-keys.sql";
const countRow = z.object({ count: z.string() });

let database: Database;
const copies: string[] = [];

beforeEach(async () => {
  const { postgresUrl } = await testStack();
  database = connectDatabase({ url: postgresUrl, connectionsMax: 4, queryTimeoutMs: 30_000, onIdleError: () => {} });
});

afterEach(async () => {
  await database.close();
  for (const directory of copies.splice(0)) await rm(directory, { recursive: true });
});

async function copiedMigrations(): Promise<URL> {
  const directory = await mkdtemp(join(tmpdir(), "tripline-migrations-"));
  copies.push(directory);
  await cp(new URL("../../migrations/", import.meta.url), directory, { recursive: true });
  return pathToFileURL(`${directory}/`);
}

describe("migrateDatabase", () => {
  test("creates the schema once and does nothing the second time", async () => {
    await expect(
      database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS)),
    ).resolves.toBeGreaterThan(0);
    await expect(database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS))).resolves.toBe(0);
    await expect(database.query(countRow, "SELECT count(*) FROM auth.clients")).resolves.toEqual([{ count: "0" }]);
  });

  test("migrates only once if several instances start concurrently", async () => {
    const starts = [1, 2, 3, 4].map(() =>
      database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS)),
    );
    const counts = await Promise.all(starts);
    expect(counts.filter((count) => count > 0)).toHaveLength(1);
  });

  test("applies new migrations and rolls back a failed one", async () => {
    const directory = await copiedMigrations();
    await database.transaction((transaction) => migrateDatabase(transaction, { schema: "auth", directory }));
    await writeFile(new URL("9000-add-one.sql", directory), "CREATE TABLE auth.one (); CREATE TABLE auth.two ();");
    await writeFile(new URL("9001-fail.sql", directory), "CREATE TABLE auth.three (); SELECT wrong;");
    const failing = database.transaction((transaction) => migrateDatabase(transaction, { schema: "auth", directory }));
    await expect(failing).rejects.toMatchObject({ code: "internal" });
    const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'auth' AND tablename IN ('one', 'two', 'three')";
    await expect(database.query(countRow, tables)).resolves.toEqual([{ count: "0" }]);
    await writeFile(new URL("9001-fail.sql", directory), "CREATE TABLE auth.three ();");
    await expect(
      database.transaction((transaction) => migrateDatabase(transaction, { schema: "auth", directory })),
    ).resolves.toBe(2);
    await expect(database.query(countRow, tables)).resolves.toEqual([{ count: "3" }]);
  });

  test("rejects a migration that was edited after it was applied", async () => {
    const directory = await copiedMigrations();
    await database.transaction((transaction) => migrateDatabase(transaction, { schema: "auth", directory }));
    await writeFile(new URL(FIRST_MIGRATION, directory), "SELECT 1");
    const edited = database.transaction((transaction) => migrateDatabase(transaction, { schema: "auth", directory }));
    await expect(edited).rejects.toMatchObject({ code: "config-invalid" });
    await expect(edited).rejects.toThrow(FIRST_MIGRATION);
  });
});
