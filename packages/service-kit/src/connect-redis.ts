import { setTimeout as delay } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Redis } from "ioredis";

const TIMEOUT_MS_DEFAULT = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_DELAY_MS_MAX = 1_000;

/**
 * A Redis connection that answers or fails in bounded time: nothing waits in a queue while the server is away. It
 * reconnects by itself for as long as it is open.
 *
 * @param onError told of connection faults, which ioredis otherwise prints
 * @param timeoutMs how long an answer may take
 */
export function connectRedis(
  url: string,
  onError: (error: Error) => void = () => {},
  timeoutMs = TIMEOUT_MS_DEFAULT,
): Redis {
  const redis = new Redis(url, {
    commandTimeout: timeoutMs,
    // A connection on which answers are overdue is closed: what was given up would wait on it, more with every try, for
    // as long as the server hangs, and be carried out in the end.
    socketTimeout: timeoutMs,
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

/** What Redis refuses for its own state. It may do the same in a moment. */
const PASSING = /^(OOM|LOADING|READONLY|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN)/;

/** A failure of ioredis in Tripline's terms. Whatever Redis itself refuses for what we sent is a bug of ours. */
export function asRedisError(error: unknown): TriplineError {
  if (error instanceof TriplineError) return error;
  const messages = messagesOf(error);
  const refused = error instanceof Error && error.name === "ReplyError";
  if (refused && !messages.every((message) => PASSING.test(message))) return asTriplineError(error);
  return new TriplineError("redis-unavailable", `Redis: ${messages[0]}`, [], { cause: error });
}

/** Of a transaction that was refused: why its commands were. */
function messagesOf(error: unknown): string[] {
  const previous: unknown = Reflect.get(Object(error), "previousErrors");
  const errors: unknown[] = Array.isArray(previous) && previous.length > 0 ? previous : [error];
  return errors.map((one) => (one instanceof Error ? one.message : String(one)));
}
