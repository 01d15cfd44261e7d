import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import { provisionValkey } from "@tripline/local-stack/provision/provision-valkey";
import { planRedis } from "@tripline/local-stack/servers/plan-redis";
import { Cluster, Redis } from "ioredis";
import { SMALL_REGISTRY } from "../testing/small-registry.js";
import { FeastRedisClient } from "./feast-redis-client.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/\/$/, "");
const SLOTS = 16_384;
/** Time limit until each node knows all slots. */
const CLUSTER_MS_MAX = 120_000;

const onEnd: (() => void | Promise<void>)[] = [];

afterAll(async () => {
  for (const end of onEnd.reverse()) await end();
});

/** A cluster of two nodes that share the slots. Returns their ports. */
async function startCluster(): Promise<number[]> {
  const server = await provisionValkey(ROOT);
  const ports = await findFreePorts(4);
  const nodes = ports.slice(0, 2);
  for (const [index, port] of nodes.entries()) {
    const directory = mkdtempSync(join(tmpdir(), "feast-client-cluster-"));
    onEnd.push(() => rmSync(directory, { recursive: true, force: true }));
    const plan = planRedis({ directory, server, port });
    const args = [
      ...plan.args,
      "--databases",
      "1",
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      String(ports[2 + index]),
    ];
    const node = new ManagedProcess({ ...plan, args });
    await node.start();
    onEnd.push(() => node.kill());
  }
  const connections = nodes.map((port) => new Redis(port, "127.0.0.1"));
  onEnd.push(() => connections.forEach((connection) => void connection.disconnect()));
  await connections[0]?.call("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS / 2 - 1);
  await connections[1]?.call("CLUSTER", "ADDSLOTSRANGE", SLOTS / 2, SLOTS - 1);
  await connections[0]?.call("CLUSTER", "MEET", "127.0.0.1", nodes[1] ?? 0, ports[3] ?? 0);
  const deadlineMs = Date.now() + CLUSTER_MS_MAX;
  for (;;) {
    const states = await Promise.all(connections.map((connection) => connection.call("CLUSTER", "INFO")));
    if (states.every((state) => String(state).includes("cluster_state:ok"))) return nodes;
    if (Date.now() > deadlineMs) throw new Error(`The cluster did not form: ${states.join("\n")}`);
  }
}

test("writes and reads rows on all nodes of a cluster, in order", async () => {
  const ports = await startCluster();
  const cluster = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })));
  onEnd.push(() => cluster.disconnect());
  const client = new FeastRedisClient({ redis: cluster, registry: SMALL_REGISTRY, timeoutMs: 10_000 });
  const rows = Array.from({ length: 200 }, (_, index) => ({
    entity: { card_id: `c${index}` },
    features: { mean: index / 2, count: index },
    eventTimestampMs: 1_000,
  }));
  expect(await client.writeOnlineFeatures({ featureView: "stats", rows })).toEqual({ written: 200, skipped: 0 });
  const answer = await client.getOnlineFeatures({
    features: ["stats:count", "stats:mean"],
    entities: rows.map(({ entity }) => entity),
  });
  expect(answer.rows.map(({ values }) => values)).toEqual(rows.map(({ features: { count, mean } }) => [count, mean]));
  const sizes = await Promise.all(cluster.nodes("master").map((node) => node.dbsize()));
  expect(sizes).toHaveLength(2);
  expect(sizes.every((size) => size > 0)).toBe(true);
});
