import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { openDisk } from "@tripline/lake/log/open-disk";
import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import { ArchiveModule } from "./archive.module.js";
import type { ArchiveConfig } from "./config.js";

/** Starts the service. It is not ready until Kafka is up and the lake is writable. */
export async function startArchive(
  config: ArchiveConfig,
  logger: Logger = createLogger("archive", config.LOG_LEVEL),
  disk?: LakeDisk,
): Promise<RunningService> {
  return startService({
    name: "archive",
    ...httpPort(config),
    logger,
    module: ArchiveModule.forRoot(config, disk ?? (await openDisk(config.LAKE_URL))),
    transports: [KafkaStrategy],
  });
}
