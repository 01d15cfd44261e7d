import { randomUUID } from "node:crypto";
import { replyChannel } from "@tripline/contracts/redis-keys";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { RunningService, ShutdownStep } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { asRedisError, awaitRedis, connectRedis } from "@tripline/service-kit/connect-redis";
import { kafkaConnection } from "@tripline/service-kit/kafka-connection";
import type { Logger } from "@tripline/service-kit/logger";
import { createLogger } from "@tripline/service-kit/logger";
import { httpPort } from "@tripline/service-kit/read-config";
import { tokenVerifier } from "@tripline/service-kit/verify-token";
import type { Redis } from "ioredis";
import { EventIntake } from "./accept-events.js";
import { ReplyWaiters } from "./await-replies.js";
import { kafkaCheck } from "./check-kafka.js";
import type { IngestionConfig } from "./config.js";
import { IngestionModule } from "./ingestion.module.js";
import { ingestionMetrics } from "./ingestion-metrics.js";
import { readDecisions } from "./read-decisions.js";
import { RequestReservations } from "./reserve-requests.js";
import { turnAway } from "./turn-away.js";
import { WaitingBound } from "./waiting-bound.js";

/**
 * Starts the front door. Kafka may still be away: then it is not ready, and answers 503.
 *
 * @param logger where it logs; its own standard output unless told otherwise
 * @throws TriplineError `redis-unavailable` when Redis does not answer within 10 s
 */
export async function startIngestion(
  config: IngestionConfig,
  logger: Logger = createLogger("ingestion", config.LOG_LEVEL),
): Promise<RunningService> {
  const closing: ShutdownStep[] = [];
  try {
    return await start(config, logger, closing);
  } catch (error) {
    for (const step of closing) await step.run().catch(() => undefined);
    throw error;
  }
}

async function start(config: IngestionConfig, logger: Logger, closing: ShutdownStep[]): Promise<RunningService> {
  const redis = openRedis(config, logger, closing);
  const bound = new WaitingBound(config.WAIT_TARGET_MS);
  const replies = await openReplies(config, logger, redis, bound, closing);
  const kafka = connectKafka({
    ...kafkaConnection(config),
    clientId: "ingestion",
    log: (level, message, extra) => logger[level](extra, message),
  });
  const producer = await kafka.producer();
  // First of all steps: what was accepted goes out while the rest still stands.
  closing.unshift({ name: "kafka producer", run: () => producer.close() });
  const admin = await kafka.admin();
  closing.push({ name: "kafka admin", run: () => admin.close() });
  const verifier = tokenVerifier({
    issuer: config.AUTH_ISSUER,
    jwksUrl: config.AUTH_JWKS_URL,
    audience: config.AUTH_AUDIENCE,
  });
  const metrics = ingestionMetrics({ waiters: () => replies.size, callersMax: () => bound.limit });
  const intake = new EventIntake({
    reservations: new RequestReservations(redis, config.IDEMPOTENCY_TTL_HOURS),
    producer,
    replies,
    metrics,
    logger,
    pendingRecordsMax: config.PENDING_RECORDS_MAX,
    deadlineMsDefault: config.DEADLINE_MS_DEFAULT,
    lookUp: (ids) => readDecisions(redis, ids),
  });
  return startService({
    name: "ingestion",
    ...httpPort(config),
    logger,
    module: IngestionModule.with({
      config,
      verifier,
      intake,
      redis,
      drain: () => replies.release(),
    }),
    readiness: { redis: () => ping(redis), kafka: kafkaCheck(admin), keys: () => verifier.ready() },
    shutdown: closing,
    turnAway: turnAway(intake),
  });
}

function openRedis(config: IngestionConfig, logger: Logger, closing: ShutdownStep[]): Redis {
  const redis = connectRedis(config, (error) => logger.warn({ err: error }, "a Redis connection broke"));
  closing.push({ name: "redis", run: async () => redis.disconnect() });
  return redis;
}

async function openReplies(
  config: IngestionConfig,
  logger: Logger,
  redis: Redis,
  bound: WaitingBound,
  closing: ShutdownStep[],
): Promise<ReplyWaiters> {
  const subscriber = openRedis(config, logger, closing);
  await Promise.all([awaitRedis(redis), awaitRedis(subscriber)]);
  const replies = new ReplyWaiters({
    subscriber,
    channel: replyChannel(randomUUID()),
    waitersMax: config.WAITERS_MAX,
    bound,
    logger,
    lookUp: (ids) => readDecisions(redis, ids),
  });
  await replies.start();
  return replies;
}

async function ping(redis: Redis): Promise<void> {
  try {
    await redis.ping();
  } catch (error) {
    throw asRedisError(error);
  }
}
