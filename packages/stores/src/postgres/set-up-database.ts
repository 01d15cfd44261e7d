import type { PostgresConfig } from "@tripline/settings/connection-config";
import type { Logger } from "@tripline/telemetry/logger";
import type { Database, Queries } from "./connect-database.js";
import { connectDatabase } from "./connect-database.js";
import type { Migrations } from "./migrate-database.js";
import { migrateDatabase } from "./migrate-database.js";
import { reachDatabase } from "./reach-database.js";

const CONNECTIONS_MAX = 10;
const QUERY_TIMEOUT_MS = 2_000;
const BACKGROUND_CONNECTIONS_MAX = 3;
const BACKGROUND_TIMEOUT_MS = 30_000;
const PATIENT_CONNECT_TIMEOUT_MS = 20_000;
/** Longer than the wait for the migration lock, so that the error of the lock itself is reported. */
const SETUP_TIMEOUT_MS = 60_000;

/**
 * Migrates a service's schema and performs its other setup, in one transaction under one lock, so that several
 * instances can start at the same time on an empty database.
 *
 * @param prepare runs after the migrations
 * @throws TriplineError `config-invalid` or `database-unavailable`, and any error of `prepare`
 */
export async function setUpDatabase<T>(
  config: PostgresConfig,
  migrations: Migrations,
  logger: Logger,
  prepare: (transaction: Queries) => Promise<T>,
): Promise<T> {
  const database = connect(config, migrations.schema, logger, 1, SETUP_TIMEOUT_MS);
  try {
    return await database.transaction(async (transaction) => {
      const applied = await migrateDatabase(transaction, migrations);
      if (applied > 0) logger.info({ migrations: applied }, "the schema is up to date");
      return prepare(transaction);
    });
  } finally {
    await database.close();
  }
}

/** The database for requests. Connects with the first query. */
export function openDatabase(config: PostgresConfig, { schema }: Migrations, logger: Logger): Database {
  return connect(config, schema, logger, CONNECTIONS_MAX, QUERY_TIMEOUT_MS);
}

/**
 * The database for work that may be slow and must not use the connections of other requests.
 *
 * @param connectionsMax default: 3
 */
export function openBackgroundDatabase(
  config: PostgresConfig,
  { schema }: Migrations,
  logger: Logger,
  connectionsMax = BACKGROUND_CONNECTIONS_MAX,
): Database {
  return connect(config, schema, logger, connectionsMax, BACKGROUND_TIMEOUT_MS);
}

function connect(
  config: PostgresConfig,
  service: string,
  logger: Logger,
  connectionsMax: number,
  queryTimeoutMs: number,
): Database {
  return connectDatabase({
    ...reachDatabase(config),
    applicationName: `tripline-${service}`,
    connectionsMax,
    queryTimeoutMs,
    // No caller waits for slow queries, and a machine is slow while everything starts at the same time.
    ...(queryTimeoutMs > QUERY_TIMEOUT_MS ? { connectTimeoutMs: PATIENT_CONNECT_TIMEOUT_MS } : {}),
    onIdleError: (error) => logger.warn({ err: error }, "an idle database connection was lost"),
  });
}
