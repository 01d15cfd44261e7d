import { CATALOG_ROLE, readAccessRules } from "./access-rules.js";
import { databaseRoles, databaseStatements } from "./plan-access.js";

const rules = readAccessRules();
const passwords = Object.fromEntries(databaseRoles(rules).map((role) => [role, `secret of ${role}`]));

test("the catalog of the Iceberg tables has a role and a schema of its own", () => {
  const statements = databaseStatements(rules, "tripline", passwords);
  expect(statements).toContain('CREATE SCHEMA IF NOT EXISTS "iceberg" AUTHORIZATION "iceberg"');
  expect(statements).toContain('ALTER ROLE "iceberg" SET search_path = "iceberg"');
});

test("an installation from before the Iceberg tables needs no password for them, but all others", () => {
  const { [CATALOG_ROLE]: _, ...before } = passwords;
  expect(databaseStatements(rules, "tripline", before).join("\n")).not.toContain(CATALOG_ROLE);
  const { auth: __, ...broken } = passwords;
  expect(() => databaseStatements(rules, "tripline", broken)).toThrow(
    "There is no password for the database role auth.",
  );
});
