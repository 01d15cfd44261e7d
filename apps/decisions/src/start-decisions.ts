import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/service-kit/config/read-config";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { createLogger } from "@tripline/service-kit/telemetry/logger";
import type { DecisionsConfig } from "./config.js";
import { DecisionsModule } from "./decisions.module.js";

/**
 * Starts the service. Kafka, Redis, scoring and the model registry need not be up: it is not ready until the first two are,
 * and decides by the scorecard, or by rules alone where there is none, while scoring is not.
 *
 * @throws TriplineError `policy-invalid` or `config-invalid`
 */
export async function startDecisions(
  config: DecisionsConfig,
  logger: Logger = createLogger("decisions", config.LOG_LEVEL),
): Promise<RunningService> {
  return startService({
    name: "decisions",
    ...httpPort(config),
    logger,
    module: DecisionsModule.forRoot(config),
    transports: [KafkaStrategy],
  });
}
