import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { ControlConfig } from "./config.js";
import { ControlModule } from "./control.module.js";

/** Enough for a policy of a hundred rules with examples. */
const BODY_BYTES_MAX = 1_048_576;

/**
 * Starts the control plane: its schema first, then the HTTP port.
 *
 * @throws TriplineError `config-invalid` or `database-unavailable`
 */
export function startControl(
  config: ControlConfig,
  logger: Logger = createLogger("control", config.LOG_LEVEL),
): Promise<RunningService> {
  return startService({
    name: "control",
    ...httpPort(config),
    logger,
    module: ControlModule.forRoot(config),
    bodyLimitBytes: BODY_BYTES_MAX,
    transports: [KafkaStrategy],
  });
}
