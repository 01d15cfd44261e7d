import { setTimeout as delay } from "node:timers/promises";
import type { DynamicModule } from "@nestjs/common";
import { Module } from "@nestjs/common";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import type { EventProducer } from "@tripline/kafka/port";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { BatchProcessor } from "./batches/batch-processor.js";
import type { FeaturesConfig } from "./config.js";
import { ErasuresController } from "./erasures/erasures.controller.js";
import { KeyScan } from "./erasures/key-scan.js";
import { openProfileEraser, ProfileEraser } from "./erasures/profile-eraser.js";
import { ScanEraser } from "./erasures/scan-eraser.js";
import { StateEraser } from "./erasures/state-eraser.js";
import { FeatureMetrics } from "./feature-metrics.js";
import { FeaturesController } from "./features.controller.js";
import { OnlineModule } from "./online/online.module.js";
import { openProfiles } from "./profiles/open-profiles.js";
import { ProfileReader } from "./profiles/profile-reader.js";
import { FEATURE_ENGINE, StateModule } from "./state.module.js";
import { PartitionKeys } from "./states/partition-keys.js";
import { RebuildHold } from "./states/rebuild-hold.js";
import { StateCompleteness } from "./states/state-completeness.js";
import { StateStore } from "./states/state-store.js";

/** The connection on which a rebuild of the states is seen. */
const HOLD = "hold";
/** The connection that empties states and takes profiles out. */
const ERASING = "erasing";

/** Turns payments and labels into features: the consumer, the states, and the routes that serve features. */
@Module({})
export class FeaturesModule {
  static forRoot(config: FeaturesConfig): DynamicModule {
    // A round emits all of its records at once.
    const kafka = KafkaModule.forRoot(config, { clientId: "features", producer: { lingerMs: 0 } });
    const states = StateModule.forRoot(config, kafka);
    return {
      module: FeaturesModule,
      imports: [
        RedisModule.forRoot(config, { name: HOLD, isChecked: false }),
        RedisModule.forRoot(config, { name: ERASING, isChecked: false }),
        kafka,
        states,
        OnlineModule.forRoot(config, states, kafka),
      ],
      controllers: [FeaturesController, ErasuresController],
      providers: [
        {
          provide: FeatureMetrics,
          inject: [FEATURE_ENGINE],
          useFactory: (engine: FeatureEngine) => new FeatureMetrics(engine.profiles.map(({ name }) => name)),
        },
        {
          provide: ProfileReader,
          inject: [FEATURE_ENGINE, FeatureMetrics, LOGGER],
          useFactory: (engine: FeatureEngine, metrics: FeatureMetrics, logger: Logger) =>
            openProfiles(config, engine, metrics, logger),
        },
        { provide: RebuildHold, inject: [redisToken(HOLD)], useFactory: (redis: Redis) => new RebuildHold(redis) },
        {
          provide: StateEraser,
          inject: [redisToken(ERASING), FEATURE_ENGINE],
          useFactory: (redis: Redis, engine: FeatureEngine) => new StateEraser(redis, engine),
        },
        {
          provide: ProfileEraser,
          inject: [redisToken(ERASING), FEATURE_ENGINE],
          useFactory: (redis: Redis, engine: FeatureEngine) => openProfileEraser(redis, engine, config),
        },
        {
          provide: KeyScan,
          inject: [redisToken(ERASING), LOGGER],
          useFactory: (redis: Redis, logger: Logger) => new KeyScan(redis, logger),
        },
        {
          provide: ScanEraser,
          inject: [FEATURE_ENGINE, KeyScan, StateEraser, ProfileEraser],
          useFactory: (engine: FeatureEngine, scan: KeyScan, states: StateEraser, profiles: ProfileEraser) =>
            new ScanEraser({ engine, scan, states, profiles }),
        },
        {
          provide: BatchProcessor,
          inject: [
            FEATURE_ENGINE,
            StateStore,
            PartitionKeys,
            StateCompleteness,
            ProfileReader,
            EVENT_PRODUCER,
            FeatureMetrics,
          ],
          useFactory: (
            engine: FeatureEngine,
            store: StateStore,
            partitions: PartitionKeys,
            completeness: StateCompleteness,
            profiles: ProfileReader,
            producer: EventProducer,
            metrics: FeatureMetrics,
          ) =>
            new BatchProcessor({
              engine,
              store,
              partitions,
              completeness,
              profiles,
              producer,
              metrics,
              now: Date.now,
              pause: delay,
            }),
        },
      ],
    };
  }
}
