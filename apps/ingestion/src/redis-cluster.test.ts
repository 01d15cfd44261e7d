import { setTimeout as delay } from "node:timers/promises";
import { CLUSTER_GROUPS } from "@tripline/contracts/key-groups";
import { decisionKey } from "@tripline/contracts/redis-keys";
import type { TestCluster } from "@tripline/local-stack/testing/redis-cluster";
import { startRedisCluster } from "@tripline/local-stack/testing/redis-cluster";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { openRedis } from "@tripline/stores/redis/connect-cluster";
import { awaitRedis } from "@tripline/stores/redis/connect-redis";
import { requestKey } from "./intake/reserve-requests.js";
import { TestDecider } from "./testing/decider.js";
import type { Answer, TestBed } from "./testing/service.js";
import { paymentBody, startTestBed } from "./testing/service.js";

const START_MS_MAX = 180_000;
const WAIT_MS_MAX = 60_000;
const WAIT = { prefer: "wait=10" };

let cluster: TestCluster;
let bed: TestBed;
let redis: RedisConnection;
let decider: TestDecider;

beforeAll(async () => {
  cluster = await startRedisCluster(3, true);
  bed = await startTestBed({
    REDIS_URL: cluster.url,
    REDIS_CLUSTER: "true",
    REDIS_TIMEOUT_MS: "1000",
    RATE_LIMIT_TENANT: "1000",
    RATE_LIMIT_CLIENT: "1000",
  });
  redis = openRedis(bed.config);
  await awaitRedis(redis);
  decider = new TestDecider(bed.kafka, redis);
  await decider.start();
}, START_MS_MAX);

afterAll(async () => {
  await decider?.close();
  redis?.disconnect();
  await bed?.close();
  await cluster?.stop();
});

const idOf = ({ text }: Answer): string => JSON.parse(text).id;

/** Sends a payment until it is decided, as a careful caller does. */
async function untilDecided(body: Record<string, unknown>): Promise<Answer> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const answer = await bed.client.post("/v1/transactions", body, WAIT).catch(() => undefined);
    if (answer?.status === 200) return answer;
    if (performance.now() > deadlineMs) throw new Error(`not decided: ${answer?.status} ${answer?.text}`);
    await delay(50);
  }
}

test("payments, retries and look-ups work on a cluster, and a payment's keys share a slot", async () => {
  const bodies = Array.from({ length: 30 }, () => paymentBody());
  const answers = await Promise.all(bodies.map(untilDecided));
  const again = await Promise.all(bodies.map(untilDecided));
  expect(again.map(({ text }) => text)).toEqual(answers.map(({ text }) => text));
  expect(decider.payments).toHaveLength(30);
  for (const answer of answers) {
    const id = idOf(answer);
    expect((await bed.client.get(`/v1/decisions/${id}`)).status).toBe(200);
    const keys = [requestKey("acme", id, CLUSTER_GROUPS), decisionKey(id, CLUSTER_GROUPS)];
    const slots = await Promise.all(keys.map((key) => redis.call("CLUSTER", "KEYSLOT", key)));
    expect(slots[0]).toBe(slots[1]);
    expect(await redis.exists(...keys)).toBe(2);
  }
  const changed = await bed.client.post("/v1/transactions", { ...bodies[0], amount: { minor: 1, currency: "EUR" } });
  expect(changed.status).toBe(409);
});

test(
  "after a master is killed, every payment still gets one decision",
  async () => {
    const bodies = Array.from({ length: 60 }, () => paymentBody());
    const sent = bodies.map(async (body, index) => {
      await delay(index * 20);
      return untilDecided(body);
    });
    await delay(200);
    // Also the node in REDIS_URL.
    await cluster.masters[0]?.kill();
    const answers = await Promise.all(sent);
    const again = await Promise.all(bodies.map(untilDecided));
    expect(new Set(answers.map(idOf)).size).toBe(60);
    expect(again.map(idOf)).toEqual(answers.map(idOf));
  },
  START_MS_MAX,
);
