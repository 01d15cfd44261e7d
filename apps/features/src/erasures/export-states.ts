import { subjectsOf } from "@tripline/contracts/feature-spec";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { ProfileEraser } from "./profile-eraser.js";
import { scanKeys } from "./scan-keys.js";

/** The data that Redis stores about a person under one key. */
export type ShownState =
  | {
      readonly kind: "window state";
      readonly key: string;
      readonly entity: string;
      /** The current values of the window features, by name. */
      readonly features: Readonly<Record<string, number>>;
      /** The whole state, in Base64. */
      readonly bytes: string;
    }
  | { readonly kind: "row of Feast"; readonly entity: string; readonly id: string; readonly columns: number }
  | { readonly kind: "pushed profile"; readonly key: string; readonly bytes: string };

/** Fields of a Feast row that contain times. An erasure keeps them. */
const TIME_FIELD = "_ts:";

/**
 * Data that an erasure would clear or delete, found in the same way: by a scan of all key names.
 *
 * @throws TriplineError `redis-unavailable`, `state-unreadable`
 */
export async function* exportStates(
  redis: Redis,
  engine: FeatureEngine,
  rows: Pick<ProfileEraser, "rowOf">,
  { tenant, subject }: { readonly tenant: string; readonly subject: string },
): AsyncGenerator<ShownState> {
  const seen = new Set<string>();
  for await (const { keys } of scanKeys(redis, { match: `*${subject}*` })) {
    for (const key of keys) {
      const name = key.toString("latin1");
      if (seen.has(name)) continue;
      seen.add(name);
      const shown = await showKey(redis, engine, rows, key);
      if (shown?.tenant === tenant && subjectsOf(shown.id).includes(subject)) yield* shown.state;
    }
  }
}

async function showKey(redis: Redis, engine: FeatureEngine, rows: Pick<ProfileEraser, "rowOf">, key: Buffer) {
  const text = key.toString("utf8");
  for (const [entity, plan] of engine.entities.entries()) {
    const place = parseStateKey(plan, text);
    if (place !== undefined) return { ...place, state: await showState(redis, engine, entity, text) };
    const row = rows.rowOf(entity, key);
    if (row === undefined) continue;
    const fields = await requestRedis(() => redis.hkeys(key));
    const columns = fields.filter((field) => !field.startsWith(TIME_FIELD)).length;
    const shown = { kind: "row of Feast", entity: plan.name, id: row.id, columns } as const;
    return { ...row, state: columns === 0 ? [] : [shown] };
  }
  const [kind, , tenant = "", ...id] = text.split(":");
  if (kind !== "profile") return undefined;
  const bytes = (await requestRedis(() => redis.getBuffer(key)))?.toString("base64");
  const state = bytes === undefined ? [] : [{ kind: "pushed profile", key: text, bytes } as const];
  return { tenant: decodeURIComponent(tenant), id: id.join(":"), state };
}

/** Returns nothing for a state that an erasure has emptied. */
async function showState(redis: Redis, engine: FeatureEngine, entity: number, key: string): Promise<ShownState[]> {
  const value = await requestRedis(() => redis.getBuffer(key));
  if (value === null || value.equals(Buffer.from(engine.emptiedState(entity, value)))) return [];
  const values = engine.readEntity(entity, engine.decodeState(entity, value), Date.now());
  const features = Object.fromEntries(engine.entityFeatures(entity).map((name, index) => [name, values[index] ?? 0]));
  const { name = "" } = engine.entities[entity] ?? {};
  return [{ kind: "window state", key, entity: name, features, bytes: value.toString("base64") }];
}
