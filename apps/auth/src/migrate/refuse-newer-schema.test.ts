import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "../database/connect-database.js";
import { connectDatabase } from "../database/connect-database.js";
import { migrateDatabase } from "../database/migrate-database.js";
import { refuseNewerSchema } from "./refuse-newer-schema.js";

let database: Database;

beforeEach(async () => {
  const { postgresUrl } = await testStack();
  database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError: () => {} });
});

afterEach(() => database.close());

describe("refuseNewerSchema", () => {
  test("accepts an empty database and one of this build", async () => {
    await database.transaction((transaction) => refuseNewerSchema(transaction));
    await database.transaction((transaction) => migrateDatabase(transaction));
    await database.transaction((transaction) => refuseNewerSchema(transaction));
  });

  test("refuses a database with a migration that a later build applied", async () => {
    await database.transaction((transaction) => migrateDatabase(transaction));
    await database.execute("INSERT INTO auth.schema_migrations (version, name, sha256) VALUES (9000, 'later', 'x')");
    const refused = database.transaction((transaction) => refuseNewerSchema(transaction));
    await expect(refused).rejects.toMatchObject({ code: "config-invalid" });
    await expect(refused).rejects.toThrow(/at migration 9000, and this build knows \d+ at most/);
  });
});
