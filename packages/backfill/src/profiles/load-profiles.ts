import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { profileColumnTypes, profileView } from "@tripline/contracts/profile-tables";
import type { FeatureRegistry } from "@tripline/feast-client/feature-registry";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import { planProfiles } from "@tripline/feature-engine/profiles";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import { Redis } from "ioredis";
import { readProfiles } from "./read-profiles.js";

export interface LoadProfilesOptions {
  /** Folder of the profile tables. */
  readonly folder: string;
  readonly redisUrl: string;
  /** Rows of later days are left out, as `feast materialize` leaves them out. */
  readonly untilMs: number;
  readonly project?: string;
  /** Tokens of cards that were erased: their profiles stay out. */
  readonly erased?: ReadonlySet<string>;
}

const PROJECT_DEFAULT = "tripline";
const DAY_SECONDS = 86_400;
/** Rows for which Redis is asked at a time. */
const ROWS_TOGETHER = 1_000;
const CONNECT_MS_MAX = 10_000;

/**
 * Brings profiles online as `feast materialize` does, without Feast: the same bytes under the same keys. A row that is stored and
 * not older stays.
 *
 * @returns the number of rows
 * @throws TriplineError `not-found`, `invalid-field` for the tables, `redis-unavailable`
 */
export async function loadProfiles(options: LoadProfilesOptions): Promise<{ rows: number }> {
  const { folder, redisUrl, untilMs, project = PROJECT_DEFAULT, erased = new Set() } = options;
  const profiles = planProfiles(currentFeatureSpec());
  const registry: FeatureRegistry = {
    project,
    featureViews: profiles.map(({ name, key }) => ({
      name: profileView(name),
      joinKeys: { [key]: "STRING" },
      features: profileColumnTypes(name),
    })),
  };
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: CONNECT_MS_MAX });
  // Without a listener ioredis prints every connection fault; the failed command says it well enough.
  redis.on("error", () => {});
  const client = new FeastRedisClient({ redis, registry, keyTtlSeconds: STATE_TTL_DAYS_DEFAULT * DAY_SECONDS });
  let count = 0;
  try {
    // Feast's client waits for no connection that is under way.
    await redis.connect().catch(unavailable);
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
