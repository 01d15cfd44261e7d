import { Inject, Injectable } from "@nestjs/common";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import { z } from "zod";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";

/** Longer than the pauses between restarts of a crashing process. */
const TTL_SECONDS = 86_400;

const attempt = z.object({
  /** ID of the process that wrote the attempt. */
  owner: z.string(),
  /** Whether that process still has to finish these offsets. */
  isOpen: z.boolean(),
  from: z.number(),
  to: z.number(),
  /** Number of processes that stopped before they finished some of these offsets. */
  stops: z.number(),
  /** The record that the process is deciding individually, outside a batch. */
  alone: z.string().optional(),
  /** Records that are not evaluated again, because every process that evaluated them ended, even outside a batch. */
  unsafe: z.array(z.string()),
});

/** Offsets of a partition that a process was about to decide. */
export type Attempt = z.infer<typeof attempt>;

/**
 * Attempts in Redis, one per partition. A process that stops leaves its attempt behind. Several systems may share one
 * Redis.
 */
@Injectable()
export class AttemptStore {
  constructor(
    @InjectRedis() private readonly redis: RedisConnection,
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "KAFKA_TOPIC_PREFIX">,
  ) {}

  /** @throws TriplineError `redis-unavailable` */
  async read(topic: string, partition: number): Promise<Attempt | undefined> {
    const text = await requestRedis(() => this.redis.get(this.#key(topic, partition)));
    if (text === null) return undefined;
    // An attempt from a later release that this one cannot parse is ignored.
    return attempt.safeParse(parseJson(text)).data;
  }

  /** @throws TriplineError `redis-unavailable` */
  async write(topic: string, partition: number, one: Attempt): Promise<void> {
    await requestRedis(() => this.redis.set(this.#key(topic, partition), JSON.stringify(one), "EX", TTL_SECONDS));
  }

  #key(topic: string, partition: number): string {
    return `attempt:${this.config.KAFKA_TOPIC_PREFIX}${topic}:${partition}`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
