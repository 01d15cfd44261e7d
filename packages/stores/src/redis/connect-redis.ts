import { setTimeout as delay } from "node:timers/promises";
import type { RedisSignIn } from "@tripline/cloud-identity/open-tokens";
import { redisSignIn } from "@tripline/cloud-identity/open-tokens";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { RedisConfig } from "@tripline/settings/connection-config";
import { REDIS_TIMEOUT_MS_DEFAULT } from "@tripline/settings/connection-config";
import { readPem } from "@tripline/settings/read-certificates";
import { Cluster, Redis } from "ioredis";
import { checkByAuthority, checkNodeOf } from "../check-authority.js";
import type { NodeAddress } from "./signed-in-redis.js";
import { SignedInRedis } from "./signed-in-redis.js";

const PORT_DEFAULT = 6_379;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_DELAY_MS_MAX = 1_000;
/** ioredis waits this long for the server to close its end, even if the connection is already lost, which is a bug. */
const DISCONNECT_TIMEOUT_MS = 200;

/**
 * A connection to one Redis server that responds or fails in bounded time, because no command is queued while the
 * server is unavailable. It reconnects automatically while it is open.
 *
 * @param target a URL, or a service's Redis settings, which include TLS and tokens
 * @param onError called with connection errors, which ioredis would otherwise print
 * @param timeoutMs response timeout; default: REDIS_TIMEOUT_MS
 * @throws TriplineError `config-invalid` if a certificate cannot be read, or for the settings of a cluster
 */
export function connectRedis(
  target: string | RedisConfig,
  onError: (error: Error) => void = () => {},
  timeoutMs = typeof target === "string" ? REDIS_TIMEOUT_MS_DEFAULT : target.REDIS_TIMEOUT_MS,
): Redis {
  if (typeof target !== "string" && target.REDIS_CLUSTER) throw new TriplineError("config-invalid", ONE_SERVER);
  const redis =
    typeof target === "string"
      ? new Redis(target, connectionOptions(undefined, timeoutMs))
      : open(target, target.REDIS_URL, timeoutMs);
  redis.on("error", onError);
  return redis;
}

const ONE_SERVER =
  "REDIS_CLUSTER=true is not supported here, because a batch changes all of its window states in one transaction. " +
  "Set REDIS_URL to a single server for the feature service and its programs, and remove REDIS_CLUSTER for them.";

export function addressOf(url: string): NodeAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || PORT_DEFAULT) };
}

/** A connection to one node of a cluster. */
export function connectNode(
  config: RedisConfig,
  address: NodeAddress,
  onError: (error: Error) => void = () => {},
): Redis {
  const url = new URL(config.REDIS_URL);
  url.hostname = address.host.includes(":") ? `[${address.host}]` : address.host;
  url.port = String(address.port);
  const redis = open(config, url.href, config.REDIS_TIMEOUT_MS);
  redis.on("error", onError);
  return redis;
}

/** @param config the settings of a service, whose TLS settings are used */
export function connectionOptions(config: RedisConfig | undefined, timeoutMs: number) {
  return {
    ...(config?.REDIS_URL.startsWith("rediss://") ? { tls: tlsOf(config) } : {}),
    commandTimeout: timeoutMs,
    // Closes a connection with overdue responses. Otherwise abandoned commands would accumulate while the server hangs,
    // and run later.
    socketTimeout: timeoutMs,
    connectTimeout: Math.max(CONNECT_TIMEOUT_MS, timeoutMs),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    // Commands on a lost connection have failed, and are never sent again on a new connection.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt: number) => Math.min(attempt * 50, RECONNECT_DELAY_MS_MAX),
    // After a failover, this connection may still lead to the demoted server, while its name refers to the new primary.
    reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
  };
}

function open(config: RedisConfig, url: string, timeoutMs: number): Redis {
  const options = connectionOptions(config, timeoutMs);
  const signIn = signInOf(config);
  return signIn === undefined ? new Redis(url, options) : new SignedInRedis(url, options, signIn);
}

/** How to obtain tokens, if they are used instead of passwords. */
export function signInOf(config: RedisConfig): RedisSignIn | undefined {
  const { REDIS_URL: url, REDIS_AUTH: auth } = config;
  if (auth === "none") return undefined;
  const { hostname, username } = new URL(url);
  const user = username === "" ? undefined : decodeURIComponent(username);
  return redisSignIn(auth, config, { host: hostname, user });
}

function tlsOf({ REDIS_CA_FILE: ca, REDIS_AUTH: auth, REDIS_CLUSTER: isCluster, REDIS_URL: url }: RedisConfig) {
  const named = isCluster ? { checkServerIdentity: checkNodeOf(new URL(url).hostname) } : {};
  if (ca === undefined) return named;
  const trusted = { ca: readPem("REDIS_CA_FILE", ca, "CERTIFICATE") };
  return auth === "gcp-iam" ? { ...trusted, checkServerIdentity: checkByAuthority } : { ...trusted, ...named };
}

/**
 * Waits until a connection is ready.
 *
 * @throws TriplineError `redis-unavailable` if it is not ready within `timeoutMs`
 */
export async function awaitRedis(redis: Redis | Cluster, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let fault: string | undefined;
  const onError = (error: Error) => {
    fault = error.message;
  };
  redis.on("error", onError);
  try {
    while (redis.status !== "ready") {
      if (Date.now() > deadline) {
        const reason = fault === undefined ? "is it running?" : fault;
        throw new TriplineError("redis-unavailable", `${nameOf(redis)} is not responding; ${reason}`);
      }
      await delay(20);
    }
  } finally {
    redis.off("error", onError);
  }
}

function nameOf(redis: Redis | Cluster): string {
  if (redis instanceof Cluster) return "The Redis Cluster";
  const { host, port } = redis.options;
  return `Redis at ${host}:${port}`;
}

/** Errors about Redis's own state, including MISCONF for a full disk. The same command may succeed on a retry. */
const PASSING = /^(OOM|MISCONF|LOADING|READONLY|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|MOVED|ASK)/;
/** Errors about passwords or permissions. An operator must fix these; the command itself is valid. */
const NOT_ALLOWED = /^(NOAUTH|WRONGPASS|NOPERM|ERR ACL failure in script)/;

/** ioredis's message for a command on a lost connection: it mentions its configuration, not the failure. */
const OFFLINE = /enableOfflineQueue/;

/** Converts an ioredis error to a TriplineError. If Redis rejects a command's content, that is a bug of ours. */
export function asRedisError(error: unknown): TriplineError {
  if (error instanceof TriplineError) return error;
  const messages = messagesOf(error);
  const refused = error instanceof Error && error.name === "ReplyError";
  const mayPass = messages.every((message) => PASSING.test(message) || NOT_ALLOWED.test(message));
  if (refused && !mayPass) return asTriplineError(error);
  const [first = ""] = messages;
  const detail = OFFLINE.test(first) ? "there is no connection" : first;
  return new TriplineError("redis-unavailable", `Redis: ${detail}`, [], { cause: error });
}

/** Awaits a Redis response. @throws TriplineError like `asRedisError` */
export async function requestRedis<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw asRedisError(error);
  }
}

/** For a rejected transaction: the errors of its commands. */
function messagesOf(error: unknown): string[] {
  const previous: unknown = Reflect.get(Object(error), "previousErrors");
  const errors: unknown[] = Array.isArray(previous) && previous.length > 0 ? previous : [error];
  return errors.map((one) => (one instanceof Error ? one.message : String(one)));
}
