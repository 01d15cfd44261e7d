import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { testStack } from "@tripline/local-stack/testing/stack";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);
const BEFORE = "0019";
const SHA256 = "a".repeat(64);

test("revisions and approvals from an earlier release keep their user if the audit log knows the user", async () => {
  const { postgresUrl: url } = await testStack();
  const database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 10_000, onIdleError() {} });
  const schema = `old_${randomUUID().slice(0, 8)}`;
  const run = (sql: string) => database.execute(sql.replaceAll("control.", `${schema}.`));
  try {
    await run(`CREATE SCHEMA ${schema}`);
    const files = (await readdir(MIGRATIONS)).sort();
    const sqlOf = (name: string) => readFile(new URL(name, MIGRATIONS), "utf8");
    for (const name of files.filter((one) => one < BEFORE)) await run(await sqlOf(name));
    await run(`INSERT INTO control.policy_revisions VALUES
      ('shop', 1, '1', 'text', '${SHA256}', 'ann', '', now()), ('shop', 2, '2', 'text', '${SHA256}', 'ci', '', now());
      INSERT INTO control.policy_approvals VALUES ('shop', 1, 'bob', '', now()), ('shop', 1, 'bot', '', now());
      INSERT INTO control.policy_activations VALUES ('shop', 1, 1, 'ann', '', now(), now());
      INSERT INTO control.audit_log VALUES
      ('shop', 1, 'e1', 'ann', 'person', 'policy-revision-added', 'policy-revision', '1', '{}', 0, 'control', '${SHA256}'),
      ('shop', 2, 'e2', 'ci', 'client', 'policy-revision-added', 'policy-revision', '2', '{}', 0, 'control', '${SHA256}'),
      ('shop', 3, 'e3', 'bob', 'person', 'policy-revision-approved', 'policy-revision', '1', '{}', 0, 'control', '${SHA256}'),
      ('shop', 4, 'e4', 'bot', 'client', 'policy-revision-approved', 'policy-revision', '1', '{}', 0, 'control', '${SHA256}')`);
    for (const name of files.filter((one) => one >= BEFORE)) await run(await sqlOf(name));
    const row = z.object({ principal: z.string().nullable() });
    const read = async (sql: string) =>
      (await database.query(row, sql.replaceAll("control.", `${schema}.`))).map(({ principal }) => principal);
    await expect(
      read("SELECT author_principal AS principal FROM control.policy_revisions ORDER BY revision"),
    ).resolves.toEqual(["ann", null]);
    await expect(
      read("SELECT approver_principal AS principal FROM control.policy_approvals ORDER BY approver"),
    ).resolves.toEqual(["bob", null]);
    await expect(read("SELECT kind AS principal FROM control.policy_activations")).resolves.toEqual([null]);
    // An instance of the earlier release adds an approval while the new one is already running.
    await run(
      "INSERT INTO control.policy_approvals (tenant, revision, approver, note, approved_at) VALUES ('shop', 1, 'bob', '', now()) ON CONFLICT DO NOTHING",
    );
    await expect(run("UPDATE control.policy_revisions SET note = 'x'")).rejects.toThrow("never changed");
  } finally {
    await run(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await database.close();
  }
});
