import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Migrations } from "@tripline/stores/postgres/migrate-database";
import { setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import { findOwner } from "../clients/client-owner.js";
import { consoleClient } from "../clients/console-client.js";
import { registerClient, registerLabelsClient } from "../clients/register-client.js";
import type { AuthConfig } from "../config.js";
import { addPerson } from "../people/person-store.js";
import type { SigningKeys } from "../provider/signing-keys.js";
import { ensureSigningKey, loadSigningKeys } from "../provider/signing-keys.js";

export const AUTH_MIGRATIONS: Migrations = {
  schema: "auth",
  directory: new URL("../../migrations/", import.meta.url),
};

/**
 * Creates the schema, the first signing key, and the bootstrap clients and users.
 *
 * @throws TriplineError `config-invalid`, for example for a wrong KEY_ENCRYPTION_KEY; or `database-unavailable`
 */
export function setUpAuth(config: AuthConfig, logger: Logger): Promise<SigningKeys> {
  return setUpDatabase(config, AUTH_MIGRATIONS, logger, async (transaction) => {
    await ensureSigningKey(transaction, config.KEY_ENCRYPTION_KEY);
    const keys = await loadSigningKeys(transaction, config.KEY_ENCRYPTION_KEY, config.TOKEN_TTL_SECONDS);
    for (const person of config.BOOTSTRAP_PEOPLE) await addPerson(transaction, person);
    for (const client of config.BOOTSTRAP_CLIENTS) await bootstrapClient(transaction, client, logger);
    const { CONSOLE_URL: consoleUrl, CONSOLE_CLIENT_SECRET: consoleSecret } = config;
    if (consoleUrl !== undefined && consoleSecret !== undefined) {
      await registerClient(transaction, consoleClient(consoleUrl, consoleSecret));
      await registerLabelsClient(transaction, consoleSecret);
    }
    const { BOOTSTRAP_CLIENTS: clients, BOOTSTRAP_PEOPLE: people } = config;
    logger.info(
      { kid: keys.activeKid, bootstrap_clients: clients.length, bootstrap_people: people.length },
      "database set up",
    );
    return keys;
  });
}

/** A missing owner must not prevent startup. As long as it has no owner, the client cannot approve anything. */
async function bootstrapClient(
  transaction: Queries,
  { owner, ...client }: AuthConfig["BOOTSTRAP_CLIENTS"][number],
  logger: Logger,
): Promise<void> {
  const ownerId = owner === undefined ? undefined : await findOwner(transaction, client.tenant, owner);
  if (owner !== undefined && ownerId === undefined) {
    logger.warn({ client_id: client.client_id }, "the owner of a bootstrap client is not an active user of its tenant");
  }
  await registerClient(transaction, client, ownerId);
}
