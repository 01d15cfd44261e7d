import type { KeyGroups } from "@tripline/contracts/key-groups";
import { CLUSTER_GROUPS, ONE_GROUP } from "@tripline/contracts/key-groups";
import type { RedisConfig } from "@tripline/settings/connection-config";
import type { ClusterOptions, Redis } from "ioredis";
import { Cluster } from "ioredis";
import { chooseMaster } from "./cluster-nodes.js";
import { ClusterSignIn } from "./cluster-sign-in.js";
import { addressOf, connectionOptions, connectRedis, signInOf } from "./connect-redis.js";
import { SignedInRedis } from "./signed-in-redis.js";

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
