import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { IngestionConfig } from "./config.js";
import { IngestionModule } from "./ingestion.module.js";

/**
 * Starts ingestion.
 *
 * @param logger default: logs to standard output
 * @throws TriplineError `redis-unavailable` if Redis does not respond within 10 s
 */
export function startIngestion(
  config: IngestionConfig,
  logger: Logger = createLogger("ingestion", config.LOG_LEVEL),
): Promise<RunningService> {
  return startService({ name: "ingestion", ...httpPort(config), logger, module: IngestionModule.forRoot(config) });
}
