import { TriplineError } from "@tripline/contracts/error-table";
import { asRedisError } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";

/**
 * A Redis connection with a limit on waiting callers. No caller waits longer than the command timeout. After a timeout,
 * the connection is replaced; otherwise, unanswered commands would stay in the queue while Redis hangs. Until the new
 * connection is ready, every call fails immediately.
 */
export class BoundRedis {
  #underWay = 0;
  #isReconnecting = false;
  #isGathering = false;

  /** @param redis an exclusive connection with a command timeout and no offline queue, as `connectRedis` creates it */
  constructor(
    private readonly redis: Redis,
    private readonly underWayMax: number,
  ) {}

  /** For the readiness probe. */
  async ping(): Promise<void> {
    await this.request((redis) => redis.ping());
  }

  /** @throws TriplineError `redis-unavailable`, or `queue-full` if too many callers are waiting */
  async request<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#underWay >= this.underWayMax) {
      throw new TriplineError(
        "queue-full",
        `More than ${this.underWayMax} requests are waiting for Redis. Try again later.`,
      );
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

  /** Sends the commands of one turn of the event loop in one write, because a write costs more than the commands. */
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

  /** Reconnects only once, even if several callers time out together. */
  #reconnect(): void {
    if (this.#isReconnecting) return;
    this.#isReconnecting = true;
    this.redis.once("ready", () => {
      this.#isReconnecting = false;
    });
    this.redis.disconnect(true);
  }
}

/** ioredis has no class or code for timeouts. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}
