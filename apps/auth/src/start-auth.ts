import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import { AuthModule } from "./auth.module.js";
import { SecretVerifier } from "./clients/secret-verifier.js";
import type { AuthConfig } from "./config.js";

/**
 * Starts the authorization server: first the schema, the first signing key and the bootstrap clients, then the HTTP
 * port.
 *
 * @param secrets checks the secrets of clients
 * @throws TriplineError `config-invalid`, for example for a wrong KEY_ENCRYPTION_KEY; or `database-unavailable`
 */
export function startAuth(config: AuthConfig, secrets = new SecretVerifier()): Promise<RunningService> {
  const logger = createLogger("auth", config.LOG_LEVEL);
  return startService({ name: "auth", ...httpPort(config), logger, module: AuthModule.forRoot(config, secrets) });
}
