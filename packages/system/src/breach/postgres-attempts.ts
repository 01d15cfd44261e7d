import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { COLLECTOR_USER } from "../access/access-rules.js";
import { databaseRoles } from "../access/plan-access.js";
import type { LocalSecurity, ServiceAddresses } from "../services/local-security.js";
import type { Attempt } from "./attempt.js";

const QUERY_MS_MAX = 10_000;
/** https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient privilege. */
const NOT_ALLOWED = /^42501$/;

/** Attempts by each service on Postgres, with its own role. Each schema has a table `schema_migrations`. */
export function postgresAttempts(security: LocalSecurity, stack: ServiceAddresses): readonly Attempt[] {
  const roles = databaseRoles(security.rules);
  return [...roles, COLLECTOR_USER].flatMap((who) => {
    const { postgresUrl = "" } = security.accessOf(who, stack);
    const attempt = (what: string, statement: string): Attempt => ({
      who,
      where: "Postgres",
      what,
      refusal: NOT_ALLOWED,
      try: () => execute(security, postgresUrl, statement),
    });
    const others = roles.filter((role) => role !== who);
    return [
      ...others.flatMap((other) => [
        attempt(`read a table of ${other}`, `SELECT * FROM ${other}.schema_migrations`),
        attempt(`create a table in the schema of ${other}`, `CREATE TABLE ${other}.breach (id int)`),
      ]),
      attempt("create a schema", `CREATE SCHEMA breach_${who}`),
      attempt("create a table in the public schema", "CREATE TABLE public.breach (id int)"),
      attempt("create a role", `CREATE ROLE breach_${who} SUPERUSER`),
      attempt("read the passwords of roles", "SELECT rolpassword FROM pg_authid"),
      attempt("run a program on the server", "COPY (SELECT 1) TO PROGRAM 'true'"),
    ];
  });
}

export async function execute(security: LocalSecurity, url: string, statement: string): Promise<void> {
  const database = connectDatabase({
    url,
    tls: { ca: security.authority.certificate },
    connectionsMax: 1,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError: () => undefined,
  });
  try {
    await database.execute(statement);
  } finally {
    await database.close();
  }
}
