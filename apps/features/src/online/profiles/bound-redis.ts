import { TriplineError } from "@tripline/contracts/error-table";
import { asRedisError } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";

/**
 * A Redis connection with a bound on waiting callers, none of which waits longer than its command timeout. After a timeout
 * it reconnects: otherwise the missing replies would keep their place in the queue for as long as Redis hangs.
 * Until the new connection is ready, every call fails at once.
 */
export class BoundRedis {
  #underWay = 0;
  #isReconnecting = false;
  #isGathering = false;

  /** @param redis used by nobody else, with a command timeout and without an offline queue, as `connectRedis` makes it */
  constructor(
    private readonly redis: Redis,
    private readonly underWayMax: number,
  ) {}

  /** For the readiness probe. */
  async ping(): Promise<void> {
    await this.ask((redis) => redis.ping());
  }

  /** @throws TriplineError `redis-unavailable`, or `queue-full` when too many wait already */
  async ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#underWay >= this.underWayMax) {
      throw new TriplineError("queue-full", `More than ${this.underWayMax} requests wait for Redis; try again.`);
    }
    this.#underWay += 1;
    this.#gather();
    try {
      return await work(this.redis);
    } catch (error) {
      if (isTimeout(error)) this.#reconnect();
      throw asRedisError(error);
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Commands of one turn of the event loop go out in one write, since a write costs more than its commands. */
  #gather(): void {
    if (this.#isGathering || this.redis.status !== "ready") return;
    this.#isGathering = true;
    const { stream } = this.redis;
    stream.cork();
    setImmediate(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  /** Once, however many callers gave up at the same time. */
  #reconnect(): void {
    if (this.#isReconnecting) return;
    this.#isReconnecting = true;
    this.redis.once("ready", () => {
      this.#isReconnecting = false;
    });
    this.redis.disconnect(true);
  }
}

/** ioredis has no class or code for it. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}
