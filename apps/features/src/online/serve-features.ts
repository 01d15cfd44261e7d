import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import type { HealthCheck } from "@tripline/nest-kit/readiness";
import type { ShutdownStep } from "@tripline/nest-kit/start-service";
import { connectRedis } from "@tripline/service-kit/connect-redis";
import type { Logger } from "@tripline/service-kit/logger";
import type { TokenVerifier } from "@tripline/service-kit/verify-token";
import { tokenVerifier } from "@tripline/service-kit/verify-token";
import type { FeaturesConfig } from "../config.js";
import { BoundRedis } from "./bound-redis.js";
import { describeViews } from "./feature-views.js";
import { identifyAs, identifyByToken } from "./identify-caller.js";
import { UNDER_WAY_MAX } from "./limits.js";
import type { OnlineOptions } from "./online-routes.js";
import { ProfileStore } from "./profile-store.js";
import { FeatureReader } from "./read-features.js";

export interface ServingOptions {
  readonly config: FeaturesConfig;
  readonly engine: FeatureEngine;
  readonly logger: Logger;
  readonly stateTtlSeconds: number;
  /** As in `ReaderOptions`. */
  readonly isComplete: () => Promise<boolean>;
}

/** What the service needs to serve features to others. */
export interface FeatureServing {
  readonly options: OnlineOptions;
  readonly readiness: Readonly<Record<string, HealthCheck>>;
  readonly shutdown: readonly ShutdownStep[];
}

/**
 * Makes ready what serves features, on a Redis connection of its own, so that readers never hold up payments. Undefined
 * where the configuration does not say who may read: then features are served to nobody.
 */
export function openServing({ config, engine, logger, ...rest }: ServingOptions): FeatureServing | undefined {
  const verifier = verifierOf(config);
  const tenant = config.FEATURES_ONLINE_TENANT;
  if (verifier === undefined && tenant === undefined) {
    logger.info("features are served to nobody: set AUTH_ISSUER and AUTH_JWKS_URL, or FEATURES_ONLINE_TENANT");
    return undefined;
  }
  const connection = connectRedis(config, (error) => logger.debug({ err: error }, "redis connection"));
  const redis = new BoundRedis(connection, UNDER_WAY_MAX);
  return {
    options: {
      views: describeViews(engine),
      reader: new FeatureReader({ engine, redis, isComplete: rest.isComplete, now: Date.now }),
      profiles: new ProfileStore(redis, { ttlSeconds: rest.stateTtlSeconds, now: Date.now }),
      identify: verifier === undefined ? identifyAs(tenant ?? "") : identifyByToken(verifier),
      logger,
    },
    readiness: {
      readers: () => redis.ping(),
      ...(verifier === undefined ? {} : { keys: () => verifier.ready() }),
    },
    shutdown: [{ name: "redis of readers", run: async () => connection.disconnect() }],
  };
}

function verifierOf(config: FeaturesConfig): TokenVerifier | undefined {
  const { AUTH_ISSUER: issuer, AUTH_JWKS_URL: jwksUrl, AUTH_AUDIENCE: audience } = config;
  return issuer === undefined || jwksUrl === undefined ? undefined : tokenVerifier({ issuer, jwksUrl, audience });
}
