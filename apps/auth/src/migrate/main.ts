import { asTriplineError } from "@tripline/contracts/error-table";
import { readConfig } from "@tripline/settings/read-config";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { reachDatabase } from "@tripline/stores/postgres/reach-database";
import { refuseNewerSchema } from "@tripline/stores/postgres/refuse-newer-schema";
import { waitVisibly } from "@tripline/stores/wait-visibly";
import { createLogger } from "@tripline/telemetry/logger";
import { databaseConfig } from "../config.js";
import { AUTH_MIGRATIONS } from "../database/set-up-database.js";

/**
 * The program of the migration job, which runs before an upgrade. It waits for the database, rejects a schema that is
 * newer than this build, and updates an older schema. The auth service does the same at startup, but the job reveals a
 * failure before any instance is replaced.
 */

const WAIT_MS_MAX = 180_000;
const POLL_MS = 2_000;
const QUERY_TIMEOUT_MS = 120_000;
/** As in `runMain`. */
const EXIT_FAILURE = 1;

const log = createLogger("migrate", process.env.LOG_LEVEL ?? "info");
try {
  const config = readConfig(databaseConfig, process.env);
  const database = connectDatabase({
    ...reachDatabase(config),
    connectionsMax: 1,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
    onIdleError: (error) => log.warn({ err: error }, "an idle database connection was lost"),
  });
  try {
    const migrations = await waitVisibly(
      () =>
        database.transaction(async (transaction) => {
          await refuseNewerSchema(transaction, AUTH_MIGRATIONS);
          return migrateDatabase(transaction, AUTH_MIGRATIONS);
        }),
      {
        what: "Postgres",
        timeoutMs: WAIT_MS_MAX,
        pollMs: POLL_MS,
        mayPass: (error) => asTriplineError(error).code === "database-unavailable",
        remedy: "Set POSTGRES_URL (postgres-url in auth's Secret) to a database that can be reached from here.",
        say: (line) => log.info(line),
      },
    );
    log.info({ migrations }, "the schema is up to date");
  } finally {
    await database.close();
  }
} catch (thrown) {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  log.fatal({ code: asTriplineError(thrown).code }, message);
  process.exitCode = EXIT_FAILURE;
}
