import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { CONTROL_MIGRATIONS } from "../control.module.js";
import { limitsRequest } from "./promotion-limits.js";
import { VersionStore } from "./version-store.js";

let database: Database;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, CONTROL_MIGRATIONS));
});

afterAll(() => database.close());

test("regression #31: limits do not sign a model card that a user registers at the same time", async () => {
  const store = new VersionStore(database);
  const key = { model: "raced", version: "0123456789ab" };
  await database.execute(
    `INSERT INTO control.model_versions (model_name, version, owner, expires_at, registered_by, registered_at)
     VALUES ('raced', '0123456789ab', 'Fraud models', now() + interval '1 day', 'ann', now())`,
    [],
  );
  const expiresAtMs = Date.now() + 86_400_000;
  const given = { owner: "Fraud models", expires_at: new Date(expiresAtMs).toISOString() };
  const { expires_at: _, ...allowed } = limitsRequest.parse(given);
  const limits = { limits: allowed, expiresAtMs, setBy: "ann", setAtMs: 0, signedBy: "bob", signedAtMs: 1 };
  const by = { tenant: "", actor: "guard" };
  const signing = database.transaction((transaction) => store.signByLimits(transaction, key, limits, by));
  await expect(signing).rejects.toMatchObject({ code: "rollout-conflict" });
  expect(await store.contractOf(key)).toMatchObject({ registeredBy: "ann", signedBy: null });
});

test("regression #31: finds the champion whose card expired long ago, whatever expired later", async () => {
  await database.execute(
    `INSERT INTO control.model_versions (model_name, version, owner, expires_at, registered_by, registered_at)
     SELECT 'many', lpad(to_hex(n), 12, '0'), 'Fraud models', now() - make_interval(mins => n), 'ann', now()
     FROM generate_series(-1, 1100) AS n WHERE n <> 0`,
    [],
  );
  const store = new VersionStore(database);
  const hex = (n: number) => n.toString(16).padStart(12, "0");
  expect(await store.expiredModels()).toContain("many");
  const keys = [
    { model: "many", version: hex(1_100) },
    { model: "other", version: hex(1) },
  ];
  expect(await store.expiredOf(keys)).toEqual([{ ...keys[0], expiredAtMs: expect.any(Number) }]);
});
