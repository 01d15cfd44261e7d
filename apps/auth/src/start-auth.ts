import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import { AuthModule } from "./auth.module.js";
import { SecretVerifier } from "./clients/secret-verifier.js";
import type { AuthConfig } from "./config.js";
import { ScimErrorFilter } from "./scim/scim-error.filter.js";
import type { ReadTexts } from "./single-sign-on/provider-domains.js";

/**
 * Starts the authorization server: first the schema, the first signing key and the bootstrap clients, then the HTTP
 * port.
 *
 * @param secrets checks the secrets of clients
 * @param readTexts reads the DNS records of tenants' domains
 * @throws TriplineError `config-invalid`, for example for a wrong KEY_ENCRYPTION_KEY; or `database-unavailable`
 */
export function startAuth(
  config: AuthConfig,
  secrets = new SecretVerifier(),
  readTexts?: ReadTexts,
): Promise<RunningService> {
  const logger = createLogger("auth", config.LOG_LEVEL);
  const module = AuthModule.forRoot(config, secrets, readTexts);
  return startService({ name: "auth", ...httpPort(config), logger, module, filter: new ScimErrorFilter(logger) });
}
