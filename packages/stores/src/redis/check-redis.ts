import { TriplineError } from "@tripline/contracts/error-table";
import type { RedisConfig } from "@tripline/settings/connection-config";
import type { Master } from "./cluster-nodes.js";
import { CONNECTED_ONLY, nameOf, readMasters, SLOTS, withNode } from "./cluster-nodes.js";
import { addressOf } from "./connect-redis.js";
import type { NodeAddress } from "./signed-in-redis.js";

const REFUSED = /^(NOAUTH|WRONGPASS)/;

/** After this time without its master, a replica is not waiting for a restart or a failover. */
const LOST_SECONDS_MIN = 300;

/** What a node responded: nothing if it cannot be reached. */
type Answer = "ok" | "refused" | "starting" | undefined;

export interface RedisCheck {
  /** Called with a state that may pass without anybody's action. Default: none. */
  readonly onWarning?: (message: string) => void;
  /** How long all masters must have been lost, in seconds, for the check to fail. Default: 300. */
  readonly lostSecondsMin?: number;
}

/**
 * Checks that Redis is what the settings say. A Redis that cannot be reached passes, because it may be starting.
 *
 * @throws TriplineError `config-invalid` that says what to change
 */
export async function checkRedis(config: RedisConfig, check: RedisCheck = {}): Promise<void> {
  const address = addressOf(config.REDIS_URL);
  await withNode(config, address, async (redis) => {
    const info = await redis.info("cluster").catch(() => "");
    // A server without this line, such as a proxy, may be either.
    const isCluster = /^cluster_enabled:1/m.test(info);
    const isSingle = /^cluster_enabled:0/m.test(info);
    const name = `The Redis at ${nameOf(address)}`;
    if (isCluster && !config.REDIS_CLUSTER) {
      throw invalid(
        `${name} is a node of a cluster: set REDIS_CLUSTER=true for ingestion and decisions, and set REDIS_URL to a single ` +
          "server for the feature service.",
      );
    }
    if (isSingle && config.REDIS_CLUSTER) {
      throw invalid(
        `${name} is not a node of a cluster: remove REDIS_CLUSTER, or set REDIS_URL to a node of a cluster.`,
      );
    }
    if (config.REDIS_CLUSTER) await checkCluster(config, await readMasters(redis), check);
  });
}

async function checkCluster(config: RedisConfig, masters: readonly Master[], check: RedisCheck): Promise<void> {
  const missing = missingSlots(masters);
  if (missing !== undefined) {
    throw invalid(
      `The Redis Cluster has no master for slots ${missing}: assign them to a master, for example with ` +
        "`redis-cli --cluster fix`.",
    );
  }
  const nodes = masters.flatMap((master) => [master, ...master.replicas]);
  const answers = new Map(await Promise.all(nodes.map(async (one) => [one, await probe(config, one)] as const)));
  const refusing = nodes.filter((one) => answers.get(one) === "refused").map(nameOf);
  if (refusing.length > 0) {
    throw invalid(
      `These nodes of the Redis Cluster reject the user or password that another node accepts: ${refusing.join(", ")}. Set the ` +
        "same users and passwords on all nodes.",
    );
  }
  if (masters.length === 0 || masters.some((master) => answers.get(master) === "ok")) return;
  const isStarting = masters.some((master) => answers.get(master) === "starting");
  const replicas = masters.flatMap((master) => master.replicas).filter((one) => answers.get(one) === "ok");
  if (replicas.length === 0) return;
  const lostSeconds = await Promise.all(replicas.map((one) => readLostSeconds(config, one)));
  if (!isStarting && Math.min(...lostSeconds) >= (check.lostSecondsMin ?? LOST_SECONDS_MIN))
    throw invalid(ONLY_REPLICAS);
  check.onWarning?.(ONLY_REPLICAS);
}

const ONLY_REPLICAS =
  "Only replicas of the Redis Cluster respond: start its masters, or promote replicas with CLUSTER FAILOVER TAKEOVER.";

/** How long a replica has been without its master, in seconds: 0 if it has one, or does not say. */
async function readLostSeconds(config: RedisConfig, address: NodeAddress): Promise<number> {
  let seconds = 0;
  await withNode(config, address, async (redis) => {
    const info = await redis.info("replication");
    if (!/^master_link_status:down/m.test(info)) return;
    seconds = Number(/^master_link_down_since_seconds:(\d+)/m.exec(info)?.[1] ?? 0);
  });
  return seconds;
}

/** The first range of slots without a master, such as `0-5460`. */
function missingSlots(masters: readonly Master[]): string | undefined {
  const ranges = masters.flatMap(({ slots }) => slots).sort(([one], [other]) => one - other);
  let next = 0;
  for (const [from, to] of [...ranges, [SLOTS, SLOTS] as const]) {
    if (from > next) return `${next}-${from - 1}`;
    next = to + 1;
  }
  return undefined;
}

async function probe(config: RedisConfig, address: NodeAddress): Promise<Answer> {
  const fault = await withNode(config, address, async (redis) => {
    await redis.ping();
  });
  if (fault === undefined) return "ok";
  // It accepts connections, but is still loading its data.
  if (fault === CONNECTED_ONLY) return "starting";
  return REFUSED.test(fault) ? "refused" : undefined;
}

function invalid(message: string): TriplineError {
  return new TriplineError("config-invalid", message);
}
