import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import { provisionValkey } from "@tripline/local-stack/provision/provision-valkey";
import { planRedis } from "@tripline/local-stack/servers/plan-redis";
import { NetworkProxy } from "@tripline/local-stack/testing/network-proxy";
import { ROOT, STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { Redis } from "ioredis";
import type { FaultTools } from "../fault.js";
import { DOWN_MS } from "../fault.js";

const HOST = "127.0.0.1";
/** How far the replica lags behind when it is promoted. */
const BEHIND_MS = 1_000;
const POLL_MS = 50;
const SYNC_MS_MAX = 30_000;

/**
 * Kills Valkey and promotes a replica that lacks the last second of writes. Later, a planned failover returns to the first
 * server, and the demoted server keeps its connections. As with a managed service, the address stays the same.
 */
export async function failOver({ system: { stack }, valkey, burst }: FaultTools): Promise<void> {
  const firstPort = Number(new URL(stack.redisUrl).port);
  const [replicaPort = 0] = await findFreePorts(1);
  const directory = join(STATE_DIRECTORY, "faults", "replica");
  const plan = planRedis({ directory, server: await provisionValkey(ROOT), port: replicaPort });
  const replica = new ManagedProcess({ ...plan, name: "replica" });
  const link = await NetworkProxy.start(firstPort);
  await replica.start();
  const [first, second] = [new Redis(firstPort, HOST), new Redis(replicaPort, HOST)];
  for (const redis of [first, second]) redis.on("error", () => {});
  try {
    await second.replicaof(HOST, link.port);
    await untilSynced(second);
    link.hold("responses");
    burst();
    await delay(BEHIND_MS);
    await stack.redis.kill();
    link.close();
    await second.call("REPLICAOF", "NO", "ONE");
    valkey.redirect(replicaPort);
    await delay(DOWN_MS);
    await stack.redis.start();
    await first.replicaof(HOST, replicaPort);
    await untilSynced(first);
    burst();
    await second.call("FAILOVER", "TO", HOST, String(firstPort));
    valkey.redirect(firstPort);
    await delay(DOWN_MS);
  } finally {
    link.close();
    for (const redis of [first, second]) redis.disconnect();
    await replica.stop();
  }
}

async function untilSynced(redis: Redis): Promise<void> {
  const deadlineMs = performance.now() + SYNC_MS_MAX;
  while (!(await redis.info("replication").catch(() => "")).includes("master_link_status:up")) {
    if (performance.now() > deadlineMs) throw new Error("The replica did not catch up in time.");
    await delay(POLL_MS);
  }
}
