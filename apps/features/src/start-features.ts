import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import { completeKey } from "@tripline/feature-engine/state-key";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { consumerCheck } from "@tripline/nest-kit/kafka/check-consumer";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { connectRedis } from "@tripline/service-kit/connect-redis";
import { consumerMetrics } from "@tripline/service-kit/consumer-metrics";
import { kafkaConnection } from "@tripline/service-kit/kafka-connection";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { httpPort } from "@tripline/service-kit/read-config";
import type { FeaturesConfig } from "./config.js";
import { stateTtlSeconds } from "./config.js";
import { FeatureMetrics } from "./feature-metrics.js";
import { FeaturesModule } from "./features.module.js";
import { openServing } from "./online/serve-features.js";
import { PartitionKeys } from "./partition-keys.js";
import { BatchProcessor, RECORDS_TOGETHER_MAX } from "./process-batch.js";
import { RebuildHold } from "./rebuild-hold.js";
import { LossReport } from "./report-loss.js";
import { FEATURES_GROUP, StateCompleteness } from "./state-completeness.js";
import { StateStore } from "./state-store.js";

/**
 * Starts the service. Kafka and Redis need not be up: it is not ready until they are.
 *
 * @throws TriplineError `config-invalid`
 */
export async function startFeatures(
  config: FeaturesConfig,
  logger: Logger = createLogger("features", config.LOG_LEVEL),
): Promise<RunningService> {
  const engine = compileEngine(currentFeatureSpec());
  const ttlSeconds = stateTtlSeconds(config, engine);
  const store = new StateStore(
    connectRedis(config, (error) => logger.debug({ err: error }, "redis connection")),
    { stateTtlSeconds: ttlSeconds, completeKey: completeKey(engine.entities) },
  );
  const topicPrefix = config.KAFKA_TOPIC_PREFIX;
  const kafka = connectKafka({
    ...kafkaConnection(config),
    clientId: "features",
    log: (level, message, extra) => logger[level](extra, message),
  });
  const admin = await kafka.admin();
  // A round gives all that it has at once.
  const producer = await kafka.producer({ lingerMs: 0 });
  const completeness = new StateCompleteness({ admin, store });
  const loss = new LossReport(logger);
  const check = async (isMarked: boolean) => loss.seen(await completeness.check(isMarked));
  const holding = connectRedis(config, (error) => logger.debug({ err: error }, "redis connection"));
  const hold = new RebuildHold(holding);
  const serving = openServing({ config, engine, logger, stateTtlSeconds: ttlSeconds, isComplete: () => check(false) });
  const processor = new BatchProcessor({
    engine,
    store,
    partitions: new PartitionKeys({ admin, store, topicPrefix }),
    completeness: { check },
    producer,
    metrics: new FeatureMetrics(),
    now: Date.now,
    pause: delay,
  });
  const consumer = await kafka.consume({
    group: FEATURES_GROUP,
    observer: consumerMetrics(FEATURES_GROUP),
    topics: [TOPICS.transactions.name, TOPICS.labels.name],
    recordsPerBatchMax: RECORDS_TOGETHER_MAX,
    async handle(batch) {
      await hold.passed();
      await processor.handle(batch);
    },
    onStop: (error) => logger.fatal({ code: error.code }, `features takes no more events: ${error.message}`),
  });
  return startService({
    name: "features",
    ...httpPort(config),
    logger,
    module: FeaturesModule.with({ online: serving?.options }),
    readiness: {
      kafka: consumerCheck(consumer, "It is no live reader of transactions and labels."),
      redis: () => store.ping(),
      ...serving?.readiness,
    },
    shutdown: [
      { name: "consumer", run: () => consumer.close() },
      { name: "producer", run: () => producer.close() },
      { name: "admin", run: () => admin.close() },
      { name: "redis", run: async () => store.close() },
      { name: "redis of the hold", run: async () => holding.disconnect() },
      ...(serving?.shutdown ?? []),
    ],
  });
}
