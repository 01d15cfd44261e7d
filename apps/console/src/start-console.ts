import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import type { ConsoleConfig } from "./config.js";
import { ConsoleModule } from "./console.module.js";

/** The same limit as in the control plane, to which policies and list entries are forwarded. */
const BODY_BYTES_MAX = 1_048_576;

/**
 * Starts the console: its schema first, then the HTTP port.
 *
 * @throws TriplineError `config-invalid` or `database-unavailable`
 */
export function startConsole(
  config: ConsoleConfig,
  logger: Logger = createLogger("console", config.LOG_LEVEL),
): Promise<RunningService> {
  return startService({
    name: "console",
    ...httpPort(config),
    logger,
    module: ConsoleModule.forRoot(config),
    bodyLimitBytes: BODY_BYTES_MAX,
    transports: [KafkaStrategy],
  });
}
