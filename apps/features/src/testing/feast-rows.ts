import { profileColumnTypes } from "@tripline/contracts/profile-tables";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import type { Redis } from "ioredis";

export const FEAST_PROJECT = "tripline";

/** For tests: the bytes that Feast writes, which the tests of packages/feast-client verify with Feast itself. */
export function feastOf(redis: Redis) {
  const joinKeys = { card_token: "STRING" as const };
  const featureViews = [
    { name: "card_profile", joinKeys, features: profileColumnTypes("card") },
    { name: "card_windows", joinKeys, features: { card_count_1d: "DOUBLE" as const } },
    {
      name: "card_country_windows",
      joinKeys: { card_token_merchant_country: "STRING" as const },
      features: { card_country_count_1d: "DOUBLE" as const },
    },
  ];
  const client = new FeastRedisClient({ redis, registry: { project: FEAST_PROJECT, featureViews } });
  const write = async (featureView: string, id: string, atMs: number): Promise<void> => {
    const view = featureViews.find(({ name }) => name === featureView);
    const entity = { [Object.keys(view?.joinKeys ?? {})[0] ?? ""]: id };
    const features = Object.fromEntries(Object.keys(view?.features ?? {}).map((name) => [name, 1]));
    await client.writeOnlineFeatures({ featureView, rows: [{ entity, features, eventTimestampMs: atMs }] });
  };
  const has = async (reference: string, entity: Record<string, string>) =>
    (await client.getOnlineFeatures({ features: [reference], entities: [entity] })).rows[0]?.values[0] !== null;
  return { write, has };
}
