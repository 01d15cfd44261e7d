import { randomUUID } from "node:crypto";
import type { DynamicModule, FactoryProvider, OnModuleDestroy, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { replyChannel, transitKey } from "@tripline/contracts/redis-keys";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import type { EventProducer, KafkaAdmin } from "@tripline/kafka/port";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { EVENT_PRODUCER, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Readiness } from "@tripline/nest-kit/readiness";
import { InjectRedis, RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { TransitSealer } from "@tripline/sealing/transit/transit-sealer";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { awaitRedis, requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { kafkaCheck } from "./check-kafka.js";
import type { IngestionConfig } from "./config.js";
import { INGESTION_CONFIG } from "./config.js";
import { DecisionLookupController } from "./decision-lookup.controller.js";
import { ingestionMetrics } from "./ingestion-metrics.js";
import { EventIntake } from "./intake/event-intake.js";
import { RequestReservations } from "./intake/reserve-requests.js";
import { IntakePlugin } from "./intake.plugin.js";
import { describeApi } from "./openapi/describe-api.js";
import { personalProviders } from "./personal/personal-providers.js";
import { readDecisions } from "./replies/read-decisions.js";
import { ReplyWaiters } from "./replies/reply-waiters.js";
import { WaitingBound } from "./replies/waiting-bound.js";

/** A separate connection, because a subscribed connection accepts no other commands. */
const SUBSCRIBER = "replies";

/** Ingestion. It starts even while Kafka is down; until Kafka is up, it is not ready and responds with 503. */
@Module({})
export class IngestionModule implements OnModuleInit, OnModuleDestroy {
  constructor(
    @InjectRedis() private readonly redis: RedisConnection,
    @InjectRedis(SUBSCRIBER) private readonly subscriber: Redis,
    @Inject(ReplyWaiters) private readonly replies: ReplyWaiters,
    @Inject(TransitSealer) private readonly transit: TransitSealer,
    @Inject(KAFKA_ADMIN) admin: KafkaAdmin,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.add("kafka", kafkaCheck(admin));
  }

  static forRoot(config: IngestionConfig): DynamicModule {
    // No linger: reservation has already batched the events.
    const kafka = KafkaModule.forRoot(config, { clientId: "ingestion", producer: { lingerMs: 0 } });
    return {
      module: IngestionModule,
      imports: [
        RedisModule.forRoot(config, { use: "keys" }),
        RedisModule.forRoot(config, { name: SUBSCRIBER, isChecked: false, use: "subscriptions" }),
        kafka,
        TokenModule.forRoot(config, "ingestion", kafka),
      ],
      controllers: [DecisionLookupController, OpenApiController],
      providers: [
        { provide: INGESTION_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: (nowMs: number) => describeApi(config, nowMs) },
        {
          provide: RateLimits,
          inject: [redisToken()],
          useFactory: (redis: RedisConnection) => new RateLimits(config, redis),
        },
        { provide: WaitingBound, useValue: new WaitingBound(config.WAIT_TARGET_MS) },
        replyWaiters(config),
        eventIntake(config),
        ...personalProviders(config),
        transitSealer(),
        IntakePlugin,
      ],
    };
  }

  /** @throws TriplineError `redis-unavailable` if Redis does not respond within 10 s */
  async onModuleInit(): Promise<void> {
    await Promise.all([awaitRedis(this.redis), awaitRedis(this.subscriber)]);
    await this.replies.start();
    await this.transit.start();
  }

  /** Stops waiting for decisions before the HTTP port waits for its requests to finish. */
  onModuleDestroy(): void {
    this.transit.close();
    this.replies.release();
  }
}

function transitSealer(): FactoryProvider<TransitSealer> {
  return {
    provide: TransitSealer,
    useFactory: (redis: RedisConnection, logger: Logger) =>
      new TransitSealer({
        store: (keyId, key, seconds) => requestRedis(() => redis.set(transitKey(keyId), key, "EX", seconds)),
        logger,
      }),
    inject: [redisToken(), LOGGER],
  };
}

function replyWaiters(config: IngestionConfig): FactoryProvider<ReplyWaiters> {
  return {
    provide: ReplyWaiters,
    useFactory: (redis: RedisConnection, subscriber: Redis, bound: WaitingBound, logger: Logger) =>
      new ReplyWaiters({
        subscriber,
        channel: replyChannel(randomUUID()),
        waitersMax: config.WAITERS_MAX,
        bound,
        logger,
        lookUp: (ids) => readDecisions(redis, ids),
      }),
    inject: [redisToken(), redisToken(SUBSCRIBER), WaitingBound, LOGGER],
  };
}

function eventIntake(config: IngestionConfig): FactoryProvider<EventIntake> {
  return {
    provide: EventIntake,
    useFactory: (
      redis: RedisConnection,
      producer: EventProducer,
      replies: ReplyWaiters,
      bound: WaitingBound,
      logger: Logger,
    ) =>
      new EventIntake({
        reservations: new RequestReservations(redis, config.IDEMPOTENCY_TTL_HOURS),
        producer,
        replies,
        metrics: ingestionMetrics({ waiters: () => replies.size, callersMax: () => bound.limit }),
        logger,
        pendingRecordsMax: config.PENDING_RECORDS_MAX,
        deadlineMsDefault: config.DEADLINE_MS_DEFAULT,
        lookUp: (ids) => readDecisions(redis, ids),
      }),
    inject: [redisToken(), EVENT_PRODUCER, ReplyWaiters, WaitingBound, LOGGER],
  };
}
