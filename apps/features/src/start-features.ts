import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { FeaturesConfig } from "./config.js";
import { FeaturesModule } from "./features.module.js";

/**
 * Starts the service. Kafka and Redis need not be up; the service is not ready until they are.
 *
 * @throws TriplineError `config-invalid`
 */
export async function startFeatures(
  config: FeaturesConfig,
  logger: Logger = createLogger("features", config.LOG_LEVEL),
): Promise<RunningService> {
  return startService({
    name: "features",
    ...httpPort(config),
    logger,
    module: FeaturesModule.forRoot(config),
    transports: [KafkaStrategy],
  });
}
