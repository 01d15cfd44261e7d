import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { ERASING, FEATURE_ENGINE } from "../features.tokens.js";
import type { SubjectStateKey } from "./subject-entities.js";
import { listedStateKeys } from "./subject-entities.js";

/** Maximum number of attempts per state, in case instances keep changing it. */
const TRIES_MAX = 50;

/**
 * Empties the window states of people. A state keeps its number of events, which orders its events in the lake. If that
 * number restarted, the card's state could not be rebuilt.
 */
@Injectable()
export class StateEraser {
  /** @param redis a connection on which nothing else is watched */
  constructor(
    @InjectRedis(ERASING) private readonly redis: Redis,
    @Inject(FEATURE_ENGINE) private readonly engine: FeatureEngine,
  ) {}

  /**
   * Empties the states whose keys can be derived from the person's token. `ScanEraser` finds the others.
   *
   * @throws TriplineError `redis-unavailable`, `state-conflict`, `state-unreadable`
   */
  async erase(tenant: string, subject: string): Promise<void> {
    const keys = listedStateKeys(this.engine, tenant, subject);
    if (keys.length === 0) return;
    const values = await requestRedis(() => this.redis.mgetBuffer(keys.map(({ key }) => key)));
    for (const [index, place] of keys.entries()) if (values[index] !== null) await this.empty(place);
  }

  /** @throws as `erase` */
  async empty({ key, entity }: SubjectStateKey): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      await requestRedis(() => this.redis.watch(key));
      const value = await requestRedis(() => this.redis.getBuffer(key));
      // The state has expired. The watch on its key does not affect the next state.
      if (value === null) return;
      const emptied = Buffer.from(this.engine.emptiedState(entity, value));
      const written = await requestRedis(() => this.redis.multi().set(key, emptied, "KEEPTTL").exec());
      if (written !== null) return;
    }
    throw new TriplineError(
      "state-conflict",
      "A state of an erased person could not be emptied, because other writers kept changing it.",
    );
  }
}
