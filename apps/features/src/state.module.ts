import type { DynamicModule } from "@nestjs/common";
import { Module } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import { RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import type { Redis } from "ioredis";
import type { FeaturesConfig } from "./config.js";
import { FEATURES_CONFIG, stateTtlSeconds } from "./config.js";
import { FEATURE_ENGINE } from "./features.tokens.js";
import { CommittedOffsets } from "./states/committed-offsets.js";
import { GapReader } from "./states/gap-reader.js";
import { LossReport } from "./states/loss-report.js";
import { PartitionKeys } from "./states/partition-keys.js";
import { StateCompleteness } from "./states/state-completeness.js";
import { StateStore } from "./states/state-store.js";

/** The window states in Redis, and the progress of counting. */
@Module({})
export class StateModule {
  /**
   * @param kafka the `KafkaModule` of the service
   * @throws TriplineError `config-invalid`, before it connects to anything
   */
  static forRoot(config: FeaturesConfig, kafka: DynamicModule): DynamicModule {
    const engine = compileEngine(currentFeatureSpec());
    const options = { stateTtlSeconds: stateTtlSeconds(config, engine), completeKey: completeKey(engine.entities) };
    return {
      module: StateModule,
      imports: [RedisModule.forRoot(config), kafka],
      providers: [
        { provide: FEATURE_ENGINE, useValue: engine },
        {
          provide: StateStore,
          inject: [redisToken(), CommittedOffsets],
          // The store owns the connection; only the readiness probe may also use it.
          useFactory: (redis: Redis, committed: CommittedOffsets) => new StateStore(redis, { ...options, committed }),
        },
        { provide: FEATURES_CONFIG, useValue: config },
        ...[LossReport, StateCompleteness, PartitionKeys, GapReader, CommittedOffsets],
      ],
      exports: [FEATURE_ENGINE, StateStore, StateCompleteness, PartitionKeys, LossReport],
    };
  }
}
