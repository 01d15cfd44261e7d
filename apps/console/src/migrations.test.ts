import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { testStack } from "@tripline/local-stack/testing/stack";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { z } from "zod";
import { CONSOLE_MIGRATIONS } from "./migrations.js";

/** The newest migration of 0.2.0. */
const RELEASED_MAX = "0015";

const indexRow = z.object({ name: z.string(), oid: z.number() });
const INDEXES = `SELECT indexrelid::regclass::text AS name, indexrelid AS oid FROM pg_index
  WHERE indrelid = 'console.payments'::regclass AND indisvalid ORDER BY 1`;

test("regression #32: the upgrade from 0.2.0 builds no index on payments if the indexes in the CHANGELOG already exist", async () => {
  const { postgresUrl } = await testStack();
  const released = await mkdtemp(join(tmpdir(), "migrations-"));
  await cp(fileURLToPath(CONSOLE_MIGRATIONS.directory), released, {
    recursive: true,
    filter: (file) => !file.endsWith(".sql") || basename(file).slice(0, RELEASED_MAX.length) <= RELEASED_MAX,
  });
  const database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  try {
    const directory = pathToFileURL(`${released}/`);
    await database.transaction((transaction) => migrateDatabase(transaction, { schema: "console", directory }));
    const changelog = await readFile(new URL("../../../CHANGELOG.md", import.meta.url), "utf8");
    const block = [...changelog.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = ""]) => sql).find(isForPayments) ?? "";
    for (const statement of block.split(";").filter((one) => one.trim() !== "")) await database.execute(statement);
    const before = await database.query(indexRow, INDEXES);
    await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
    expect(await database.query(indexRow, INDEXES)).toEqual(before);
  } finally {
    await database.close();
    await rm(released, { recursive: true });
  }
});

const isForPayments = (sql: string): boolean => sql.includes("ON console.payments");
