import type { RedisCredentials, RedisSignIn } from "@tripline/cloud-identity/open-tokens";
import type { KeyGroups } from "@tripline/contracts/key-groups";
import { CLUSTER_GROUPS, ONE_GROUP } from "@tripline/contracts/key-groups";
import type { RedisConfig } from "@tripline/settings/connection-config";
import type { ClusterOptions, Redis } from "ioredis";
import { Cluster } from "ioredis";
import { chooseMaster } from "./cluster-nodes.js";
import { addressOf, connectionOptions, connectRedis, signInOf } from "./connect-redis.js";
import { RENEW_RETRY_MS, SignedInRedis, TIMER_MS_MAX } from "./signed-in-redis.js";

/** One server, or a cluster with REDIS_CLUSTER=true. */
export type RedisConnection = Redis | Cluster;

/** Connects like `connectRedis`, but also to a cluster. */
export function openRedis(config: RedisConfig, onError: (error: Error) => void = () => {}): RedisConnection {
  return config.REDIS_CLUSTER ? connectCluster(config, onError) : connectRedis(config, onError);
}

/**
 * A connection for subscriptions. A cluster sends every message to all of its nodes, so any master will do, and each
 * reconnect chooses one.
 */
export function openSubscriber(config: RedisConfig, onError: (error: Error) => void = () => {}): Redis {
  if (!config.REDIS_CLUSTER) return connectRedis(config, onError);
  const { REDIS_URL: url, REDIS_TIMEOUT_MS: timeoutMs } = config;
  const redis = new SignedInRedis(url, connectionOptions(config, timeoutMs), signInOf(config), chooseMaster(config));
  redis.on("error", onError);
  return redis;
}

/** The groups of keys that a command with several keys may use together. */
export function keyGroupsOf(redis: RedisConnection): KeyGroups {
  return redis instanceof Cluster ? CLUSTER_GROUPS : ONE_GROUP;
}

/**
 * The masters of a cluster. Reads also go to masters, because a replica may lack the last writes. While a master is
 * unavailable, commands for its slots are retried until the timeout, so they must have the same effect if repeated.
 * Never use WATCH on it: ioredis repeats a transaction on another node without its watches.
 */
function connectCluster(config: RedisConfig, onError: (error: Error) => void): Cluster {
  const { username, password } = new URL(config.REDIS_URL);
  const { retryStrategy, enableOfflineQueue, ...options } = connectionOptions(config, config.REDIS_TIMEOUT_MS);
  const signIn = signInOf(config);
  const settings: ClusterOptions = {
    // Otherwise, ioredis would connect to the address of a name that certificates contain.
    dnsLookup: (address, callback) => callback(null, address),
    enableOfflineQueue,
    lazyConnect: signIn !== undefined,
    scaleReads: "master",
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: options.connectTimeout,
    redisOptions: {
      ...options,
      ...(username === "" ? {} : { username: decodeURIComponent(username) }),
      ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    },
  };
  const cluster = new Cluster([addressOf(config.REDIS_URL)], settings);
  cluster.on("error", onError);
  cluster.on("node error", onError);
  if (signIn !== undefined) new ClusterSignIn(cluster, signIn, onError).start();
  return cluster;
}

/** Authenticates the connections to all nodes with tokens, which expire. See `SignedInRedis`. */
class ClusterSignIn {
  #credentials: RedisCredentials | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly signIn: RedisSignIn,
    private readonly onError: (error: Error) => void,
  ) {}

  start(): void {
    // Called before the node's connection opens.
    this.cluster.on("+node", (node: Redis) => this.#apply(node));
    this.cluster.on("end", () => {
      this.#isClosed = true;
      clearTimeout(this.#timer);
    });
    void this.#renew();
  }

  async #renew(): Promise<void> {
    let retryMs: number | undefined;
    try {
      const credentials = await this.signIn();
      if (this.#isClosed) return;
      const isFirst = this.#credentials === undefined;
      const isNew = credentials.password !== this.#credentials?.password;
      this.#credentials = credentials;
      if (isFirst) this.cluster.connect().catch(() => {});
      else if (isNew) await this.#authenticateAgain(credentials);
      // While no new token is available, the old one is returned again.
      retryMs = credentials.renewAtMs - Date.now();
    } catch (error) {
      this.onError(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#isClosed) return;
    const waitMs = retryMs === undefined || retryMs <= 0 ? RENEW_RETRY_MS : Math.min(retryMs, TIMER_MS_MAX);
    this.#timer = setTimeout(() => void this.#renew(), waitMs).unref();
  }

  async #authenticateAgain({ user, password }: RedisCredentials): Promise<void> {
    const nodes = this.cluster.nodes();
    for (const node of nodes) this.#apply(node);
    await Promise.all(nodes.map((node) => (node.status === "ready" ? node.auth(user, password) : undefined)));
  }

  #apply(node: Redis): void {
    if (this.#credentials === undefined) return;
    node.options.username = this.#credentials.user;
    node.options.password = this.#credentials.password;
  }
}
