import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { profileColumnTypes, profileView } from "@tripline/contracts/profile-tables";
import type { FeatureRegistry } from "@tripline/feast-client/feature-registry";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import { planProfiles } from "@tripline/feature-engine/profiles";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { readProfiles } from "./read-profiles.js";

export interface LoadProfilesOptions {
  /** Folder of the profile tables. */
  readonly folder: string;
  /** A URL, or a service's Redis settings, which include TLS and tokens. */
  readonly redis: string | RedisConfig;
  /** Rows of later days are ignored, as `feast materialize` does. */
  readonly untilMs: number;
  /** Feast's project. */
  readonly project?: string;
  /** Tokens of erased cards: their profiles are not loaded. */
  readonly erased?: ReadonlySet<string>;
  /** Maximum wait for one reply from Redis, in ms. Default: 10,000. */
  readonly answerMsMax?: number;
}

/** The default `FEAST_PROJECT` of the features service. */
const PROJECT_DEFAULT = "tripline";
const DAY_SECONDS = 86_400;
/** Rows per request to Redis. */
const ROWS_TOGETHER = 1_000;
/** Generous, because no payment waits for these requests. */
const ANSWER_MS_MAX_DEFAULT = 10_000;

/**
 * Loads profiles into the online store without Feast. Writes the same bytes under the same keys as `feast materialize`.
 * An older row never overwrites a newer one.
 *
 * @returns the number of rows
 * @throws TriplineError `not-found` or `invalid-field` for the tables, `redis-unavailable`, or `config-invalid` if a
 *   certificate cannot be read
 */
export async function loadProfiles(options: LoadProfilesOptions): Promise<{ rows: number }> {
  const { folder, redis: target, untilMs, project = PROJECT_DEFAULT, erased = new Set() } = options;
  const timeoutMs = options.answerMsMax ?? ANSWER_MS_MAX_DEFAULT;
  const profiles = planProfiles(currentFeatureSpec());
  const registry: FeatureRegistry = {
    project,
    featureViews: profiles.map(({ name, key }) => ({
      name: profileView(name),
      joinKeys: { [key]: "STRING" },
      features: profileColumnTypes(name),
    })),
  };
  const redis = connectRedis(target, undefined, timeoutMs);
  const client = new FeastRedisClient({
    redis,
    registry,
    keyTtlSeconds: STATE_TTL_DAYS_DEFAULT * DAY_SECONDS,
    timeoutMs,
  });
  let count = 0;
  try {
    // The Feast client does not wait for a pending connection.
    await awaitRedis(redis);
    for (const { name, key } of profiles) {
      const rows = (await readProfiles(folder, name, key, untilMs)).filter(({ id }) => !erased.has(id));
      for (let start = 0; start < rows.length; start += ROWS_TOGETHER) {
        const together = rows.slice(start, start + ROWS_TOGETHER).map(({ id, atMs, columns }) => ({
          entity: { [key]: id },
          features: columns,
          eventTimestampMs: atMs,
        }));
        await client.writeOnlineFeatures({ featureView: profileView(name), rows: together }).catch(unavailable);
      }
      count += rows.length;
    }
    return { rows: count };
  } finally {
    redis.disconnect();
  }
}

function unavailable(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new TriplineError("redis-unavailable", `The profiles could not be written: ${reason}`, [], { cause: error });
}
