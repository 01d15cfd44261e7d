import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { refuseNewerSchema } from "@tripline/stores/postgres/refuse-newer-schema";
import { AUTH_MIGRATIONS } from "./set-up-database.js";

let database: Database;

beforeEach(async () => {
  const { postgresUrl } = await testStack();
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError: () => {} });
});

afterEach(() => database.close());

describe("refuseNewerSchema", () => {
  test("accepts an empty database and one with this build's schema", async () => {
    await database.transaction((transaction) => refuseNewerSchema(transaction, AUTH_MIGRATIONS));
    await database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS));
    await database.transaction((transaction) => refuseNewerSchema(transaction, AUTH_MIGRATIONS));
  });

  test("rejects a database with a migration from a later build", async () => {
    await database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS));
    await database.execute("INSERT INTO auth.schema_migrations (version, name, sha256) VALUES (9000, 'later', 'x')");
    const refused = database.transaction((transaction) => refuseNewerSchema(transaction, AUTH_MIGRATIONS));
    await expect(refused).rejects.toMatchObject({ code: "config-invalid" });
    await expect(refused).rejects.toThrow(/at migration 9000, but this build only knows migrations up to \d+/);
  });
});
