import { profileView } from "@tripline/contracts/profile-tables";
import { RowErase } from "@tripline/feast-client/row-erase";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { FeaturesConfig } from "../config.js";
import { describeViews } from "../online/feature-views.js";
import { profileKey } from "../online/profiles/profile-store.js";
import { listedEntities } from "./subject-entities.js";

/**
 * A profile summarises the whole history in the lake, so even a later profile of an erased card would include erased
 * data. No real row has a time this late, and Python and pandas can still read it.
 */
const FOR_GOOD_MS = Date.UTC(2200, 0, 1);

/** Creates the eraser for Feast's rows, according to the service's configuration. */
export function openProfileEraser(
  redis: Redis,
  engine: FeatureEngine,
  { FEAST_TENANT: tenant, FEAST_PROJECT: project }: Pick<FeaturesConfig, "FEAST_TENANT" | "FEAST_PROJECT">,
): ProfileEraser {
  return new ProfileEraser(redis, { engine, ...(tenant === undefined ? {} : { source: { tenant, project } }) });
}

export interface ProfileEraserOptions {
  readonly engine: FeatureEngine;
  /** Tenant and project of Feast's rows in this Redis. */
  readonly source?: { readonly tenant: string; readonly project: string };
}

/** Deletes a person's derived data: Feast's rows in the Redis of the states, and pushed profiles. */
export class ProfileEraser {
  readonly #erases: readonly RowErase[];

  constructor(
    private readonly redis: Redis,
    private readonly options: ProfileEraserOptions,
  ) {
    const { engine, source } = options;
    this.#erases =
      source === undefined
        ? []
        : engine.entities.map(
            ({ key }) => new RowErase({ project: source.project, joinKey: { name: key, type: "STRING" } }),
          );
  }

  /**
   * Erases the rows and profiles whose keys can be derived from the person's token. `ScanEraser` finds the others.
   *
   * @throws TriplineError `redis-unavailable`
   */
  async erase(tenant: string, subject: string, erasedAtMs: number): Promise<void> {
    const { engine, source } = this.options;
    const entities = listedEntities(engine, subject);
    const views = [...describeViews(engine).views.values()];
    const pushed = entities.flatMap(({ entity, id }) =>
      views.flatMap((view) =>
        view.kind === "profile" && view.joinKey === engine.entities[entity]?.key ? [profileKey(view, tenant, id)] : [],
      ),
    );
    if (pushed.length > 0) await requestRedis(() => this.redis.del(pushed));
    if (tenant !== source?.tenant) return;
    const commands = entities.flatMap(({ entity, id }) => this.#command(entity, id, erasedAtMs) ?? []);
    await requestRedis(() => Promise.all(commands.map((command) => this.redis.sendCommand(command))));
  }

  /** The entity of the Feast row under a key; undefined for other keys. */
  rowOf(entity: number, key: Buffer): { readonly tenant: string; readonly id: string } | undefined {
    const { source } = this.options;
    const id = this.#erases[entity]?.idOf(key);
    return source === undefined || id === undefined ? undefined : { tenant: source.tenant, id };
  }

  /** @throws TriplineError `redis-unavailable` */
  async eraseRow(entity: number, id: string, erasedAtMs: number): Promise<void> {
    const command = this.#command(entity, id, erasedAtMs);
    if (command !== undefined) await requestRedis(async () => this.redis.sendCommand(command));
  }

  /** Window rows computed from payments after the erasure belong to a new person and are kept. */
  #command(entity: number, id: string, erasedAtMs: number) {
    const { engine } = this.options;
    const { name = "" } = engine.entities[entity] ?? {};
    const hasProfile = engine.profiles.some((profile) => profile.entity === entity);
    const windows = { featureView: `${name}_windows`, untilMs: erasedAtMs };
    const profile = { featureView: profileView(name), untilMs: FOR_GOOD_MS };
    return this.#erases[entity]?.command(id, hasProfile ? [windows, profile] : [windows], hasProfile);
  }
}
