import type { TestCluster } from "@tripline/local-stack/testing/redis-cluster";
import { startRedisCluster } from "@tripline/local-stack/testing/redis-cluster";
import { Cluster } from "ioredis";
import { SMALL_REGISTRY } from "../testing/small-registry.js";
import { FeastRedisClient } from "./feast-redis-client.js";

/** Time limit until each node knows all slots. */
const CLUSTER_MS_MAX = 120_000;

let nodes: TestCluster;
let cluster: Cluster;

beforeAll(async () => {
  nodes = await startRedisCluster(2);
  cluster = new Cluster(nodes.masters.map(({ port }) => ({ host: "127.0.0.1", port })));
}, CLUSTER_MS_MAX);

afterAll(async () => {
  cluster?.disconnect();
  await nodes?.stop();
});

test("writes and reads rows on all nodes of a cluster, in order", async () => {
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
