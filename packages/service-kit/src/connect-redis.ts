import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Redis } from "ioredis";

const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_DELAY_MS_MAX = 1_000;

/**
 * A Redis connection that answers or fails within a second: nothing waits in a queue while the server is away. It
 * reconnects by itself for as long as it is open.
 *
 * @param onError told of connection faults, which ioredis otherwise prints
 */
export function connectRedis(url: string, onError: (error: Error) => void = () => {}): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // What was sent on a lost connection has failed, and is never sent again on another one.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => Math.min(attempt * 50, RECONNECT_DELAY_MS_MAX),
  });
  redis.on("error", onError);
  return redis;
}

/**
 * Waits until a connection can be used.
 *
 * @throws TriplineError `redis-unavailable` when it cannot within `timeoutMs`
 */
export async function awaitRedis(redis: Redis, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (redis.status !== "ready") {
    if (Date.now() > deadline) {
      const { host, port } = redis.options;
      throw new TriplineError("redis-unavailable", `No Redis answers at ${host}:${port}; is it running?`);
    }
    await delay(20);
  }
}

/** A failure of ioredis in Tripline's terms. Whatever Redis itself refuses for what we sent is a bug of ours. */
export function asRedisError(error: unknown): TriplineError {
  if (error instanceof TriplineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const refused = error instanceof Error && error.name === "ReplyError";
  // A transaction is aborted when one of its commands was refused, in practice for want of memory.
  if (refused && !/^(OOM|EXECABORT|LOADING|READONLY|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN)/.test(message)) {
    return asTriplineError(error);
  }
  return new TriplineError("redis-unavailable", `Redis: ${message}`, [], { cause: error });
}
