import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { replyChannel } from "@tripline/contracts/redis-keys";
import { DecisionStore } from "@tripline/decisions/deciding/decision-store";
import { RequestReservations } from "@tripline/ingestion/intake/reserve-requests";
import { readDecision, readDecisions } from "@tripline/ingestion/replies/read-decisions";
import type { TestCluster } from "@tripline/local-stack/testing/redis-cluster";
import { startRedisCluster } from "@tripline/local-stack/testing/redis-cluster";
import { redisConfig } from "@tripline/settings/connection-config";
import { readConfig } from "@tripline/settings/read-config";
import { checkRedis } from "@tripline/stores/redis/check-redis";
import { openRedis, openSubscriber } from "@tripline/stores/redis/connect-cluster";
import { awaitRedis } from "@tripline/stores/redis/connect-redis";
import { readAccessRules } from "@tripline/system/access/access-rules";
import { applyAccess } from "@tripline/system/access/apply-access";
import { redisUsers } from "@tripline/system/access/plan-access";
import { z } from "zod";

const START_MS_MAX = 180_000;
const DAY = "2026-07-01";

let cluster: TestCluster;
const open: { disconnect(): void }[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster(3, true);
}, START_MS_MAX);

afterAll(async () => {
  for (const connection of open) connection.disconnect();
  await cluster?.stop();
});

/** Settings of a user whose password is its name. */
function configOf(user?: string) {
  const url = user === undefined ? cluster.url : cluster.url.replace("//", `//${user}:${user}@`);
  return readConfig(z.object(redisConfig), { REDIS_URL: url, REDIS_CLUSTER: "true", REDIS_TIMEOUT_MS: "30000" });
}

async function connected(user: string) {
  const config = configOf(user);
  await checkRedis(config);
  const redis = openRedis(config);
  open.push(redis);
  await awaitRedis(redis);
  return { config, redis };
}

test("users exist on every node of a cluster, and may do there what their services need", async () => {
  const rules = readAccessRules();
  const passwords = Object.fromEntries([...redisUsers(rules, true).keys()].map((user) => [user, user]));
  const [line] = await applyAccess(rules, { redis: configOf() }, passwords);
  expect(line).toMatch(/^Redis: \d+ users on each of 6 nodes$/);
  for (const { redis } of [...cluster.masters, ...cluster.replicas]) {
    expect(await redis.acl("USERS")).toEqual(expect.arrayContaining(["ingestion", "decisions"]));
  }
  const [ingestion, decisions] = await Promise.all(["ingestion", "decisions"].map(connected));
  if (ingestion === undefined || decisions === undefined) throw new Error("there are no connections");

  const channel = replyChannel("rights");
  const subscriber = openSubscriber(ingestion.config);
  open.push(subscriber);
  await awaitRedis(subscriber);
  const received = new Promise((resolve) => subscriber.once("messageBuffer", resolve));
  await subscriber.subscribe(channel);

  const ids = Array.from({ length: 60 }, (_, index) => `rights_${index}`);
  const reservations = new RequestReservations(ingestion.redis, 1);
  const events = ids.map((id) => ({ id, fingerprint: "f" }) as Parameters<typeof reservations.mark>[1][number]);
  expect(new Set(await reservations.reserve("acme", events, "key"))).toEqual(new Set(["fresh"]));
  await reservations.mark("acme", events, "accepted");
  expect(new Set(await reservations.reserve("acme", events))).toEqual(new Set(["accepted"]));
  expect(await readDecision(ingestion.redis, "acme", "rights_0")).toBe("pending");

  const store = new DecisionStore(decisions.redis, { DECISION_TTL_HOURS: 1 });
  const takes = { tenant: "acme", what: "review", day: DAY, perDay: 10, units: 1, isCharged: true };
  const wanted = ids.map((id, index) => {
    const bytes = Decision.encode({ ...Decision.decode(new Uint8Array()), transactionId: id, tenant: "acme" }).finish();
    return index < 10 ? { transactionId: id, bytes, takes } : { transactionId: id, bytes };
  });
  await store.putIfAbsent(wanted);
  const [first] = await store.putIfAbsent(wanted);
  await store.reply([{ channel, bytes: first ?? Buffer.of() }]);
  await received;
  expect((await readDecisions(ingestion.redis, ids)).size).toBe(60);
});
