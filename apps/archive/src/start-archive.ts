import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer } from "@tripline/kafka/port";
import { LakeDisk } from "@tripline/lake/lake-disk";
import { consumerCheck } from "@tripline/nest-kit/kafka/check-consumer";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { consumerMetrics } from "@tripline/service-kit/consumer-metrics";
import { kafkaConnection } from "@tripline/service-kit/kafka-connection";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { httpPort } from "@tripline/service-kit/read-config";
import { ArchiveModule } from "./archive.module.js";
import { ArchiveMetrics, observeHeld } from "./archive-metrics.js";
import type { ArchiveConfig } from "./config.js";
import { TopicArchives } from "./topic-archives.js";
import { StagedWriter } from "./write-staged.js";

/** The group under which Kafka shows how far the archive is. Where it goes on is in the lake alone. */
export const ARCHIVE_GROUP = "archive";

/** Starts the service. Kafka need not be up and the lake not be writable: it is not ready until they are. */
export async function startArchive(
  config: ArchiveConfig,
  logger: Logger = createLogger("archive", config.LOG_LEVEL),
  disk: LakeDisk = new LakeDisk(),
): Promise<RunningService> {
  const kafka = connectKafka({
    ...kafkaConnection(config),
    clientId: "archive",
    log: (level, message, extra) => logger[level](extra, message),
  });
  const admin = await kafka.admin();
  const writer = await StagedWriter.open(disk);
  let consumer: EventConsumer | undefined;
  const archives = new TopicArchives({
    disk,
    lake: config.LAKE_DIRECTORY,
    topicPrefix: config.KAFKA_TOPIC_PREFIX,
    limits: { rowsMax: config.FLUSH_ROWS_MAX, bytesMax: config.FLUSH_BYTES_MAX, ageMs: config.FLUSH_AGE_MS },
    admin,
    writer,
    metrics: new ArchiveMetrics(),
    logger,
    commit: (topic, partition, offset) => consumer?.commit(topic, partition, offset),
  });
  observeHeld(() => archives.held);
  const reader = await kafka.consume({
    group: ARCHIVE_GROUP,
    observer: consumerMetrics(ARCHIVE_GROUP),
    topics: archives.topics,
    handle: (batch) => archives.handle(batch),
    positions: {
      begin: (topic, partition) => archives.begin(topic, partition),
      buried: (topic, partition, offset) => archives.pass(topic, partition, offset),
    },
    onStop: (error) => logger.fatal({ code: error.code }, `archive takes no more records: ${error.message}`),
  });
  consumer = reader;
  archives.start();
  return startService({
    name: "archive",
    ...httpPort(config),
    logger,
    module: ArchiveModule,
    readiness: {
      kafka: consumerCheck(reader, "It is no live reader of the topics."),
      lake: () => archives.check(),
    },
    shutdown: [
      // Before the group is left, so that what is written now can still be committed.
      { name: "lake", run: () => archives.close() },
      { name: "consumer", run: () => reader.close() },
      { name: "admin", run: () => admin.close() },
      { name: "writer", run: async () => writer.close() },
    ],
  });
}
