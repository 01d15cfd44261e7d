import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { registerClient } from "../clients/register-client.js";
import type { AuthConfig } from "../config.js";
import type { SigningKeys } from "../provider/signing-keys.js";
import { ensureSigningKey, loadSigningKeys } from "../provider/signing-keys.js";
import type { Database } from "./connect-database.js";
import { connectDatabase } from "./connect-database.js";
import { migrateDatabase } from "./migrate-database.js";
import { reachDatabase } from "./reach-database.js";

const CONNECTIONS_MAX = 10;
const QUERY_TIMEOUT_MS = 2_000;
/** Longer than the wait for the migration lock, so that the lock's own message is the one that is seen. */
const SETUP_TIMEOUT_MS = 60_000;

/**
 * Makes the schema, the first signing key and the bootstrap clients: in one transaction under one lock, so that several
 * instances can start at once on an empty database.
 *
 * @throws TriplineError `config-invalid` (a wrong KEY_ENCRYPTION_KEY among others) or `database-unavailable`
 */
export async function setUpDatabase(config: AuthConfig, logger: Logger): Promise<SigningKeys> {
  const database = connect(config, logger, 1, SETUP_TIMEOUT_MS);
  try {
    return await database.transaction(async (transaction) => {
      const migrations = await migrateDatabase(transaction);
      await ensureSigningKey(transaction, config.KEY_ENCRYPTION_KEY);
      const keys = await loadSigningKeys(transaction, config.KEY_ENCRYPTION_KEY, config.TOKEN_TTL_SECONDS);
      for (const client of config.BOOTSTRAP_CLIENTS) await registerClient(transaction, client);
      const clients = config.BOOTSTRAP_CLIENTS.length;
      logger.info({ migrations, kid: keys.activeKid, bootstrap_clients: clients }, "database set up");
      return keys;
    });
  } finally {
    await database.close();
  }
}

/** The database for requests. It connects at the first query. */
export function openDatabase(config: AuthConfig, logger: Logger): Database {
  return connect(config, logger, CONNECTIONS_MAX, QUERY_TIMEOUT_MS);
}

function connect(config: AuthConfig, logger: Logger, connectionsMax: number, queryTimeoutMs: number): Database {
  return connectDatabase({
    ...reachDatabase(config),
    connectionsMax,
    queryTimeoutMs,
    onIdleError: (error) => logger.warn({ err: error }, "an idle database connection broke"),
  });
}
