import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { RedisConfig } from "@tripline/settings/connection-config";
import type { Redis } from "ioredis";
import { z } from "zod";
import { addressOf, connectNode } from "./connect-redis.js";
import type { NodeAddress } from "./signed-in-redis.js";

/** Number of hash slots of a cluster. */
export const SLOTS = 16_384;
/** How long a node may take to accept a connection. */
const CONNECT_MS_MAX = 2_000;
const POLL_MS = 10;
/** What `withNode` returns for a node that accepts connections, but no commands in time. */
export const CONNECTED_ONLY = "it is not ready";

export interface Master extends NodeAddress {
  /** First and last slot of each range. */
  readonly slots: readonly (readonly [number, number])[];
  readonly replicas: readonly NodeAddress[];
}

/** https://valkey.io/commands/cluster-slots/: each range with its master, then its replicas. */
const node = z.tuple([z.string().nullable(), z.int()], z.unknown());
const slotRanges = z.array(z.tuple([z.int(), z.int(), node], node));

/** The masters of a cluster, as one of its nodes knows them. @throws like ioredis */
export async function readMasters(redis: Redis): Promise<readonly Master[]> {
  const masters = new Map<string, Master & { slots: (readonly [number, number])[] }>();
  // A node that does not know its own address announces an empty one.
  const reached = redis.options.host ?? "";
  for (const [from, to, ...nodes] of slotRanges.parse(await redis.cluster("SLOTS"))) {
    const [master, ...replicas] = nodes.map(([host, port]) => ({ host: host || reached, port }));
    if (master === undefined) continue;
    const known = masters.get(nameOf(master)) ?? { ...master, slots: [], replicas };
    known.slots.push([from, to]);
    masters.set(nameOf(master), known);
  }
  return [...masters.values()];
}

/**
 * All nodes of the cluster: masters and replicas.
 *
 * @throws TriplineError `redis-unavailable`
 */
export async function readNodes(config: RedisConfig): Promise<readonly NodeAddress[]> {
  let masters: readonly Master[] = [];
  const fault = await withNode(config, addressOf(config.REDIS_URL), async (redis) => {
    masters = await readMasters(redis);
  });
  if (fault !== undefined) throw new TriplineError("redis-unavailable", `Redis: ${fault}`);
  return masters.flatMap((master) => [master, ...master.replicas]);
}

export function nameOf({ host, port }: NodeAddress): string {
  return `${host}:${port}`;
}

/**
 * Chooses a node for each new connection: any master that a node reports. Nodes that were known earlier are asked, too,
 * because the one in REDIS_URL may be down.
 */
export function chooseMaster(config: RedisConfig): () => Promise<NodeAddress> {
  const first = addressOf(config.REDIS_URL);
  let known: readonly NodeAddress[] = [first];
  return async () => {
    const start = Math.floor(Math.random() * known.length);
    for (const asked of [...known.slice(start), ...known.slice(0, start), first]) {
      let masters: readonly Master[] = [];
      const fault = await withNode(config, asked, async (redis) => {
        masters = await readMasters(redis);
      });
      if (fault !== undefined || masters.length === 0) continue;
      known = masters;
      return masters[Math.floor(Math.random() * masters.length)] ?? first;
    }
    return first;
  };
}

/**
 * Opens a connection to a node for a moment.
 *
 * @returns the last error if the node did not become ready in time, or if `use` failed
 * @throws TriplineError that `use` throws
 */
export async function withNode(
  config: RedisConfig,
  address: NodeAddress,
  use: (redis: Redis) => Promise<void>,
): Promise<string | undefined> {
  let fault: string | undefined;
  const redis = connectNode(config, address, (error) => {
    fault = error.message;
  });
  try {
    const deadlineMs = performance.now() + CONNECT_MS_MAX;
    while (redis.status !== "ready") {
      if (fault !== undefined) return fault;
      if (performance.now() > deadlineMs) return redis.status === "connect" ? CONNECTED_ONLY : "it does not respond";
      await delay(POLL_MS);
    }
    await use(redis);
    return undefined;
  } catch (error) {
    if (error instanceof TriplineError) throw error;
    return error instanceof Error ? error.message : String(error);
  } finally {
    redis.disconnect();
  }
}
