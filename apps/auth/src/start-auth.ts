import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { httpPort } from "@tripline/service-kit/read-config";
import { AuthModule } from "./auth.module.js";
import type { AuthConfig } from "./config.js";
import type { Database } from "./connect-database.js";
import { connectDatabase } from "./connect-database.js";
import { createProvider } from "./create-provider.js";
import { migrateDatabase } from "./migrate-database.js";
import { reachDatabase } from "./reach-database.js";
import { registerClient } from "./register-client.js";
import type { SigningKeys } from "./signing-keys.js";
import { ensureSigningKey, loadSigningKeys } from "./signing-keys.js";
import { SecretVerifier } from "./verify-secret.js";

const CONNECTIONS_MAX = 10;
const QUERY_TIMEOUT_MS = 2_000;
/** Longer than the wait for the migration lock, so that the lock's own message is the one that is seen. */
const SETUP_TIMEOUT_MS = 60_000;

/**
 * Starts the authorization server: schema, first signing key and bootstrap clients first, then the HTTP port.
 *
 * @param secrets checks the secrets of clients
 * @throws TriplineError `config-invalid` (a wrong KEY_ENCRYPTION_KEY among others) or `database-unavailable`
 */
export async function startAuth(config: AuthConfig, secrets = new SecretVerifier()): Promise<RunningService> {
  const logger = createLogger("auth", config.LOG_LEVEL);
  const keys = await setUp(config, logger);
  const database = connect(config, logger, CONNECTIONS_MAX, QUERY_TIMEOUT_MS);
  try {
    return await startService({
      name: "auth",
      ...httpPort(config),
      logger,
      module: AuthModule.with(createProvider(config, keys, database, logger, secrets)),
      readiness: {
        postgres: async () => {
          await database.execute("SELECT 1");
        },
      },
      shutdown: [{ name: "postgres", run: () => database.close() }],
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** In one transaction under one lock, so that several instances can start at once on an empty database. */
async function setUp(config: AuthConfig, logger: Logger): Promise<SigningKeys> {
  const database = connect(config, logger, 1, SETUP_TIMEOUT_MS);
  try {
    return await database.transaction(async (transaction) => {
      const migrations = await migrateDatabase(transaction);
      await ensureSigningKey(transaction, config.KEY_ENCRYPTION_KEY);
      const keys = await loadSigningKeys(transaction, config.KEY_ENCRYPTION_KEY, config.TOKEN_TTL_SECONDS);
      for (const client of config.BOOTSTRAP_CLIENTS) await registerClient(transaction, client);
      const clients = config.BOOTSTRAP_CLIENTS.length;
      logger.info({ migrations, kid: keys.activeKid, bootstrap_clients: clients }, "the database is set up");
      return keys;
    });
  } finally {
    await database.close();
  }
}

function connect(config: AuthConfig, logger: Logger, connectionsMax: number, queryTimeoutMs: number): Database {
  return connectDatabase({
    ...reachDatabase(config),
    connectionsMax,
    queryTimeoutMs,
    onIdleError: (error) => logger.warn({ err: error }, "an idle database connection broke"),
  });
}
