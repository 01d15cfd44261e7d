import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { findFreePorts } from "../processes/find-free-ports.js";
import { ManagedProcess } from "../processes/managed-process.js";
import { provisionValkey } from "../provision/provision-valkey.js";
import { planRedis } from "../servers/plan-redis.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/\/$/, "");
const SLOTS = 16_384;
const READY_MS_MAX = 60_000;
const POLL_MS = 20;
/** After this time, the other nodes consider a node failed. */
const NODE_TIMEOUT_MS = 2_000;

export interface TestNode {
  readonly port: number;
  /** A connection to this node only. */
  readonly redis: Redis;
  /** Kills the process. */
  kill(): Promise<void>;
}

/** A Redis Cluster of real servers on this machine. */
export interface TestCluster {
  /** URL of the first master. */
  readonly url: string;
  /** Each has an equal range of slots. */
  readonly masters: readonly TestNode[];
  /** If there are any, each replicates the master with the same index. */
  readonly replicas: readonly TestNode[];
  stop(): Promise<void>;
}

/** Starts masters, and optionally one replica for each. Waits until all nodes know that all slots are served. */
export async function startRedisCluster(mastersCount = 3, hasReplicas = false): Promise<TestCluster> {
  const directory = await mkdtemp(join(tmpdir(), "redis-cluster-"));
  const server = await provisionValkey(ROOT);
  const count = hasReplicas ? 2 * mastersCount : mastersCount;
  const ports = await findFreePorts(2 * count);
  const buses = ports.slice(count);
  const nodes: TestNode[] = [];
  const stop = async () => {
    for (const { redis } of nodes) redis.disconnect();
    await Promise.all(nodes.map((node) => node.kill()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const [index, port] of ports.slice(0, count).entries()) {
      nodes.push(await startNode(`${directory}/${index}`, server, port, buses[index] ?? 0));
    }
    const [masters, replicas] = [nodes.slice(0, mastersCount), nodes.slice(mastersCount)];
    await formCluster(masters, replicas, buses);
    return { url: `redis://127.0.0.1:${ports[0]}`, masters, replicas, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNode(directory: string, server: string, port: number, bus: number): Promise<TestNode> {
  const plan = planRedis({ directory, server, port });
  const settings = {
    databases: 1,
    "cluster-enabled": "yes",
    "cluster-port": bus,
    "cluster-node-timeout": NODE_TIMEOUT_MS,
    // Otherwise, a replica whose master was killed would wait for a while before it is promoted.
    "repl-diskless-sync-delay": 0,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const node = new ManagedProcess({ ...plan, args: [...plan.args, ...args] });
  await node.start();
  const redis = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: 0 });
  redis.on("error", () => {});
  return { port, redis, kill: () => node.kill() };
}

async function formCluster(masters: readonly TestNode[], replicas: readonly TestNode[], buses: readonly number[]) {
  const nodes = [...masters, ...replicas];
  for (const [index, { redis }] of masters.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.ceil((part * SLOTS) / masters.length));
    await redis.call("CLUSTER", "ADDSLOTSRANGE", from ?? 0, (to ?? SLOTS) - 1);
    // Otherwise, two nodes may have the same epoch for a while.
    await redis.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
  }
  for (const [index, node] of nodes.entries()) {
    if (index > 0) await nodes[0]?.redis.call("CLUSTER", "MEET", "127.0.0.1", node.port, buses[index] ?? 0);
  }
  const ids = await Promise.all(masters.map(async ({ redis }) => String(await redis.call("CLUSTER", "MYID"))));
  // A replica may learn of its master late.
  const replicating = async () =>
    Promise.all(replicas.map(({ redis }, index) => redis.call("CLUSTER", "REPLICATE", ids[index] ?? "")));
  await until(() => replicating().then(Boolean, () => false));
  await untilClusterServes(nodes);
}

/** Waits until all of these nodes report that the cluster is available. */
export function untilClusterServes(nodes: readonly TestNode[]): Promise<void> {
  return until(async () => {
    const infos = await Promise.all(nodes.map(({ redis }) => redis.call("CLUSTER", "INFO")));
    return infos.every((info) => String(info).includes("cluster_state:ok"));
  });
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + READY_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error("The cluster is not ready in time.");
    await delay(POLL_MS);
  }
}
