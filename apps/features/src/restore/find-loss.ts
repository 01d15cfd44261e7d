import { featureSources } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { scanKeys } from "../erasures/scan-keys.js";
import { lostKey } from "../states/complete-mark.js";
import { FEATURES_GROUP } from "../states/state-completeness.js";

const ANY_MARK = "state-complete:*";
/** Share of Redis's time that the scan uses, low enough not to slow down payments. */
const SCAN_SHARE = 0.1;

/**
 * Returns the mark of this layout. If the states of this layout were never complete, returns the mark of the layout that
 * the running services use. Redis loses all marks together.
 */
export async function readMark(redis: Redis, ownKey: string): Promise<string | null> {
  const own = await requestRedis(() => redis.get(ownKey));
  if (own !== null) return own;
  if ((await requestRedis(() => redis.exists(lostKey(ownKey)))) === 1) return null;
  const other = await findMark(redis);
  return other === undefined ? null : `${other} ${await requestRedis(() => redis.get(other))}`;
}

async function findMark(redis: Redis): Promise<string | undefined> {
  for await (const { keys } of scanKeys(redis, { match: ANY_MARK, share: SCAN_SHARE })) {
    const [key] = keys;
    if (key !== undefined) return key.toString();
  }
  return undefined;
}

/**
 * Finds out whether Redis lost the window states. If there are no states of this layout but states of another one,
 * nothing was lost. In that case, the services are being upgraded, and new states would lack the events of the old
 * services until these have stopped.
 */
export class LossFinder {
  readonly #ownKey: string;
  #otherKey: string | undefined;
  #hasCommits = false;
  /** Whether the states of this layout were complete before. */
  #wasComplete = false;

  constructor(
    private readonly engine: FeatureEngine,
    private readonly redis: Redis,
    private readonly connectAdmin: () => Promise<Pick<KafkaAdmin, "committedOffsets">>,
  ) {
    this.#ownKey = completeKey(engine.entities);
  }

  /** @throws TriplineError `redis-unavailable`, `kafka-unavailable` */
  async isLost(): Promise<boolean> {
    if (await this.#exists(this.#ownKey)) {
      this.#wasComplete = true;
      return false;
    }
    // After a failover that lost writes, the services remove only the mark of their own layout.
    this.#wasComplete ||= await this.#exists(lostKey(this.#ownKey));
    if (!this.#wasComplete && (await this.#hasOther())) return false;
    // Before the first payment there is nothing to lose.
    this.#hasCommits ||= await this.#findCommits();
    return this.#hasCommits;
  }

  async #hasOther(): Promise<boolean> {
    if (this.#otherKey !== undefined && (await this.#exists(this.#otherKey))) return true;
    this.#otherKey = await findMark(this.redis);
    return this.#otherKey !== undefined;
  }

  async #exists(key: string): Promise<boolean> {
    return (await requestRedis(() => this.redis.exists(key))) === 1;
  }

  async #findCommits(): Promise<boolean> {
    const admin = await this.connectAdmin();
    for (const source of featureSources(this.engine.spec)) {
      if ((await admin.committedOffsets(FEATURES_GROUP, TOPICS[source].name)).size > 0) return true;
    }
    return false;
  }
}
