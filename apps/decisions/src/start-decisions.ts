import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { DecisionsConfig } from "./config.js";
import { DecisionsModule } from "./decisions.module.js";
import type { ScoringClient } from "./scoring/scoring-client.js";

/**
 * Starts the service. Kafka, Redis, scoring and the model registry need not be up. The service is ready once Kafka and
 * Redis are. While scoring is down, the scorecard decides, or only rules if there is none.
 *
 * @param scoring a scoring service in this process. Default: as in `DecisionsModule`
 * @throws TriplineError `policy-invalid` or `config-invalid`
 */
export async function startDecisions(
  config: DecisionsConfig,
  logger: Logger = createLogger("decisions", config.LOG_LEVEL),
  scoring?: ScoringClient,
): Promise<RunningService> {
  return startService({
    name: "decisions",
    ...httpPort(config),
    logger,
    module: DecisionsModule.forRoot(config, scoring),
    transports: [KafkaStrategy],
  });
}
