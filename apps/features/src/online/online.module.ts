import type { DynamicModule, OnApplicationBootstrap } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { TOKEN_VERIFIER, TokenModule } from "@tripline/nest-kit/http/token.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { RedisModule, redisToken } from "@tripline/nest-kit/redis/redis.module";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { TokenConfig } from "@tripline/settings/read-config";
import type { Logger } from "@tripline/telemetry/logger";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import type { Redis } from "ioredis";
import type { FeaturesConfig } from "../config.js";
import { stateTtlSeconds } from "../config.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { StateCompleteness } from "../states/state-completeness.js";
import { FeatureReader } from "./feature-reader.js";
import { describeViews } from "./feature-views.js";
import type { OnlineOptions } from "./online-routes.js";
import { registerOnline } from "./online-routes.js";
import { BoundRedis } from "./profiles/bound-redis.js";
import { ProfileStore } from "./profiles/profile-store.js";
import { identifyAs, identifyByToken } from "./requests/identify-caller.js";
import { UNDER_WAY_MAX } from "./requests/limits.js";

/** A separate Redis connection, so that readers never delay payments. */
const READERS = "readers";
const OPTIONS = Symbol("OnlineOptions");

/** Serves features to other systems. */
@Module({})
export class OnlineModule implements OnApplicationBootstrap {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(OPTIONS) private readonly options: OnlineOptions,
  ) {}

  /**
   * If the configuration does not say who may read, the module has no routes.
   *
   * @param states module that exports `FEATURE_ENGINE` and `StateCompleteness`
   * @param kafka the service's `KafkaModule`
   */
  static forRoot(config: FeaturesConfig, states: DynamicModule, kafka: DynamicModule): DynamicModule {
    const tokens = tokensOf(config);
    const tenant = config.FEATURES_ONLINE_TENANT;
    if (tokens === undefined && tenant === undefined) return { module: ClosedModule };
    return {
      module: OnlineModule,
      imports: [
        RedisModule.forRoot(config, { name: READERS, isChecked: false }),
        states,
        ...(tokens === undefined ? [] : [TokenModule.forRoot(tokens, "features", kafka)]),
      ],
      providers: [
        {
          provide: BoundRedis,
          inject: [redisToken(READERS), Readiness],
          useFactory(connection: Redis, readiness: Readiness) {
            const redis = new BoundRedis(connection, UNDER_WAY_MAX);
            readiness.add("readers", () => redis.ping());
            return redis;
          },
        },
        {
          provide: OPTIONS,
          inject: [FEATURE_ENGINE, BoundRedis, StateCompleteness, LOGGER, { token: TOKEN_VERIFIER, optional: true }],
          useFactory: (
            engine: FeatureEngine,
            redis: BoundRedis,
            completeness: StateCompleteness,
            logger: Logger,
            verifier?: TokenVerifier,
          ): OnlineOptions => ({
            views: describeViews(engine),
            reader: new FeatureReader({ engine, redis, isComplete: () => completeness.check(false), now: Date.now }),
            profiles: new ProfileStore(redis, { ttlSeconds: stateTtlSeconds(config, engine), now: Date.now }),
            identify: verifier === undefined ? identifyAs(tenant ?? "") : identifyByToken(verifier),
            logger,
          }),
        },
      ],
    };
  }

  /** A Fastify plugin instead of a controller, so that the caller is authenticated before the body is read. */
  async onApplicationBootstrap(): Promise<void> {
    await registerOnline(this.host.httpAdapter.besideNest, this.options);
  }
}

/** Replaces `OnlineModule` if nobody may read. */
@Module({})
class ClosedModule {
  constructor(@Inject(LOGGER) logger: Logger) {
    logger.info("features are not served online: set AUTH_ISSUER and AUTH_JWKS_URL, or FEATURES_ONLINE_TENANT");
  }
}

/** Undefined if tokens are not verified. */
function tokensOf({ AUTH_ISSUER, AUTH_JWKS_URL, AUTH_AUDIENCE }: FeaturesConfig): TokenConfig | undefined {
  if (AUTH_ISSUER === undefined || AUTH_JWKS_URL === undefined) return undefined;
  return { AUTH_ISSUER, AUTH_JWKS_URL, AUTH_AUDIENCE };
}
