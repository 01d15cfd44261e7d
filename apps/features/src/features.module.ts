import type { DynamicModule } from "@nestjs/common";
import { Module } from "@nestjs/common";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { BatchProcessor } from "./batches/batch-processor.js";
import type { FeaturesConfig } from "./config.js";
import { FEATURES_CONFIG } from "./config.js";
import { ErasuresController } from "./erasures/erasures.controller.js";
import { KeyScan } from "./erasures/key-scan.js";
import { openProfileEraser, ProfileEraser } from "./erasures/profile-eraser.js";
import { ScanEraser } from "./erasures/scan-eraser.js";
import { StateEraser } from "./erasures/state-eraser.js";
import { FeatureMetrics } from "./feature-metrics.js";
import { FeaturesController } from "./features.controller.js";
import { ERASING, FEATURE_ENGINE, HOLD } from "./features.tokens.js";
import { OnlineModule } from "./online/online.module.js";
import { openProfiles } from "./profiles/open-profiles.js";
import { ProfileReader } from "./profiles/profile-reader.js";
import { RestoreStatus } from "./restore/restore-status.js";
import { StateModule } from "./state.module.js";
import { RebuildHold } from "./states/rebuild-hold.js";

/** Computes features from payments and labels: the consumer, the states, and the routes that serve features. */
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
        { provide: FEATURES_CONFIG, useValue: config },
        {
          provide: ProfileReader,
          inject: [FEATURE_ENGINE, FeatureMetrics, LOGGER],
          useFactory: (engine: FeatureEngine, metrics: FeatureMetrics, logger: Logger) =>
            openProfiles(config, engine, metrics, logger),
        },
        {
          provide: ProfileEraser,
          inject: [redisToken(ERASING), FEATURE_ENGINE],
          useFactory: (redis: Redis, engine: FeatureEngine) => openProfileEraser(redis, engine, config),
        },
        ...[FeatureMetrics, RebuildHold, RestoreStatus, BatchProcessor, StateEraser, KeyScan, ScanEraser],
      ],
    };
  }
}
