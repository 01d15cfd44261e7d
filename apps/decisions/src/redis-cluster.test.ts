import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { CLUSTER_GROUPS } from "@tripline/contracts/key-groups";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { paymentTake } from "@tripline/decision-engine/budgets";
import type { TestCluster } from "@tripline/local-stack/testing/redis-cluster";
import { startRedisCluster } from "@tripline/local-stack/testing/redis-cluster";
import { redisConfig } from "@tripline/settings/connection-config";
import { readConfig } from "@tripline/settings/read-config";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { openRedis } from "@tripline/stores/redis/connect-cluster";
import { awaitRedis } from "@tripline/stores/redis/connect-redis";
import { z } from "zod";
import { DecisionStore } from "./deciding/decision-store.js";
import { budgetKey } from "./deciding/keep-within-budgets.js";
import type { StoredDecision } from "./deciding/stored-decision.js";

const { APPROVE, DECLINE, REVIEW } = Outcome;
const START_MS_MAX = 180_000;

let cluster: TestCluster;
/** Two instances of the service. */
let redises: RedisConnection[];
let stores: DecisionStore[];

beforeAll(async () => {
  cluster = await startRedisCluster();
  const config = readConfig(z.object(redisConfig), {
    REDIS_URL: cluster.url,
    REDIS_CLUSTER: "true",
    REDIS_TIMEOUT_MS: "30000",
  });
  redises = [openRedis(config), openRedis(config)];
  await Promise.all(redises.map((redis) => awaitRedis(redis)));
  stores = redises.map((redis) => new DecisionStore(redis, { DECISION_TTL_HOURS: 1 }));
}, START_MS_MAX);

afterAll(async () => {
  for (const redis of redises ?? []) redis.disconnect();
  await cluster?.stop();
});

const encoded = (transactionId: string, outcome: Outcome) =>
  Decision.encode({ ...Decision.decode(new Uint8Array()), transactionId, outcome }).finish();
const approved = (transactionId: string): StoredDecision => ({ transactionId, bytes: encoded(transactionId, APPROVE) });
const takeOf = (tenant: string, perDay: number) => paymentTake({ tenant, day: "2026-07-01", perDay }, REVIEW);

/** Reviewed within the budget, otherwise declined. */
function reviewed(tenant: string, transactionId: string, perDay: number): StoredDecision {
  return {
    transactionId,
    bytes: encoded(transactionId, REVIEW),
    takes: takeOf(tenant, perDay),
    otherwise: [{ bytes: encoded(transactionId, DECLINE) }],
  };
}

const outcomes = (kept: readonly Uint8Array[] = []) => kept.map((bytes) => Decision.decode(bytes).outcome);
const countOf = (tenant: string) => redises[0]?.get(budgetKey(takeOf(tenant, 0), CLUSTER_GROUPS));

test("keeps the first decision of each payment of a batch, whatever node stores it", async () => {
  const ids = Array.from({ length: 100 }, (_, index) => `txn_${index}`);
  const early = ids.filter((_, index) => index % 7 === 0);
  await stores[1]?.putIfAbsent(early.map((id) => ({ transactionId: id, bytes: encoded(id, DECLINE) })));
  const kept = await stores[0]?.putIfAbsent(ids.map(approved));
  expect(outcomes(kept)).toEqual(ids.map((_, index) => (index % 7 === 0 ? DECLINE : APPROVE)));
  const sizes = await Promise.all(cluster.masters.map(({ redis }) => redis.dbsize()));
  expect(sizes.every((size) => size > 10)).toBe(true);
});

test("two instances never exceed a budget, and repeat a payment's decision without counting it again", async () => {
  const payments = Array.from({ length: 40 }, (_, index) => reviewed("acme", `txn_b${index}`, 15));
  const kept = await Promise.all(stores.map((store) => store.putIfAbsent(payments)));
  expect(outcomes(kept[0])).toEqual(outcomes(kept[1]));
  expect(outcomes(kept[0]).filter((outcome) => outcome === REVIEW)).toHaveLength(15);
  expect(await countOf("acme")).toBe("15");
  const again = await stores[1]?.putIfAbsent(payments);
  expect(again?.map((bytes) => Buffer.from(bytes))).toEqual(kept[0]?.map((bytes) => Buffer.from(bytes)));
  expect(await countOf("acme")).toBe("15");
  const stored = await Promise.all(
    payments.map(({ transactionId }) => redises[0]?.getBuffer(decisionKey(transactionId, CLUSTER_GROUPS))),
  );
  expect(stored).toEqual(kept[0]?.map((bytes) => Buffer.from(bytes)));
});

test("a decision without a budget that was stored first still stands", async () => {
  await stores[0]?.putIfAbsent([approved("txn_first")]);
  const kept = await stores[1]?.putIfAbsent([reviewed("beta", "txn_first", 5), reviewed("beta", "txn_other", 5)]);
  expect(outcomes(kept)).toEqual([APPROVE, REVIEW]);
});

test("regression #33: a payment whose decision without a budget stands spends no budget", async () => {
  await stores[0]?.putIfAbsent([approved("txn_free")]);
  const payments = [reviewed("gamma", "txn_free", 5), reviewed("gamma", "txn_more", 5)];
  expect(outcomes(await stores[1]?.putIfAbsent(payments))).toEqual([APPROVE, REVIEW]);
  expect(outcomes(await stores[0]?.putIfAbsent(payments.toReversed()))).toEqual([REVIEW, APPROVE]);
  // Like on one server.
  expect(await countOf("gamma")).toBe("1");
});
