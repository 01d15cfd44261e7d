import { splitDecisions } from "@tripline/contracts/decision-replies";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionKey, REPLY_DECISION } from "@tripline/contracts/redis-keys";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { DecisionStore } from "./decision-store.js";

/** The score's bytes are not valid UTF-8, so a text API would destroy them. */
function encoded(transactionId: string, outcome: Outcome): Uint8Array {
  return Decision.encode({
    transactionId,
    tenant: "demo",
    clientTransactionId: "c",
    cardToken: "ct",
    outcome,
    reasons: [],
    score: 0.987654321,
    rung: Rung.MODEL,
    degradedBecause: "",
    policyVersion: "1",
    modelName: "fraud",
    modelVersion: "v",
    featureSpecVersion: 1,
    occurredAtMs: 1,
    acceptedAtMs: 2,
    decidedAtMs: 3,
    wordingVersion: "w1",
    listHits: [],
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
  }).finish();
}

describe("DecisionStore", () => {
  let redis: Redis;
  let store: DecisionStore;
  let url: string;
  beforeAll(async () => {
    url = (await testStack()).redisUrl;
    redis = connectRedis(url, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    store = new DecisionStore(redis, { DECISION_TTL_HOURS: 1 });
  });
  afterAll(() => redis.disconnect());

  test("keeps the first decision byte for byte", async () => {
    const first = encoded("txn_a", Outcome.DECLINE);
    expect(await store.putIfAbsent([{ transactionId: "txn_a", bytes: first }])).toEqual([first]);
    const kept = await store.putIfAbsent([
      { transactionId: "txn_b", bytes: encoded("txn_b", Outcome.REVIEW) },
      { transactionId: "txn_a", bytes: encoded("txn_a", Outcome.APPROVE) },
    ]);
    expect(kept.map((bytes) => Decision.decode(bytes).outcome)).toEqual([Outcome.REVIEW, Outcome.DECLINE]);
    expect(Buffer.compare(kept[1] ?? Buffer.of(), first)).toBe(0);
    const stored = await redis.mgetBuffer(["txn_b", "txn_a"].map((id) => decisionKey(id)));
    expect(stored.map((bytes) => bytes?.equals(first))).toEqual([false, true]);
  });

  test("makes one decision for a payment that occurs twice in a batch", async () => {
    const [one, two] = await store.putIfAbsent([
      { transactionId: "txn_twice", bytes: encoded("txn_twice", Outcome.CHALLENGE) },
      { transactionId: "txn_twice", bytes: encoded("txn_twice", Outcome.APPROVE) },
    ]);
    expect(Buffer.compare(one ?? Buffer.of(0), two ?? Buffer.of(1))).toBe(0);
  });

  test("expires decisions", async () => {
    await store.putIfAbsent([{ transactionId: "txn_ttl", bytes: encoded("txn_ttl", Outcome.APPROVE) }]);
    const ttl = await redis.ttl(decisionKey("txn_ttl"));
    expect(ttl).toBeGreaterThan(3_590);
    expect(ttl).toBeLessThanOrEqual(3_600);
  });

  test("does not return a stored value that is not a decision for the payment", async () => {
    await redis.set(decisionKey("txn_bad"), "not protobuf");
    await redis.set(decisionKey("txn_other"), Buffer.from(encoded("txn_x", Outcome.APPROVE)));
    for (const id of ["txn_bad", "txn_other"]) {
      const again = store.putIfAbsent([{ transactionId: id, bytes: encoded(id, Outcome.REVIEW) }]);
      await expect(again).rejects.toMatchObject({ code: "state-unreadable" });
    }
  });

  test("replies with a type byte and the decision", async () => {
    const listener = connectRedis(url, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(listener);
    await listener.subscribe("reply:one");
    const message = new Promise<Buffer>((resolve) => listener.on("messageBuffer", (_channel, bytes) => resolve(bytes)));
    const bytes = encoded("txn_r", Outcome.REVIEW);
    await store.reply([{ channel: "reply:one", bytes }]);
    expect(await message).toEqual(Buffer.from([REPLY_DECISION, ...bytes]));
    listener.disconnect();
  });

  test("combines the replies for one channel into one message, and sends each channel its own", async () => {
    const listener = connectRedis(url, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(listener);
    await listener.subscribe("reply:two", "reply:three");
    const messages = new Map<string, Buffer>();
    const both = new Promise<void>((resolve) => {
      listener.on("messageBuffer", (channel: Buffer, bytes: Buffer) => {
        messages.set(channel.toString(), bytes);
        if (messages.size === 2) resolve();
      });
    });
    const decisions = ["txn_1", "txn_2", "txn_3"].map((id) => encoded(id, Outcome.REVIEW));
    const [one = Buffer.of(), two = Buffer.of(), three = Buffer.of()] = decisions;
    await store.reply([
      { channel: "reply:two", bytes: one },
      { channel: "reply:three", bytes: two },
      { channel: "reply:two", bytes: three },
    ]);
    await both;
    const split = splitDecisions((messages.get("reply:two") ?? Buffer.of()).subarray(1));
    expect(split.map((bytes) => Decision.decode(bytes).transactionId)).toEqual(["txn_1", "txn_3"]);
    expect(messages.get("reply:three")).toEqual(Buffer.from([REPLY_DECISION, ...two]));
    listener.disconnect();
  });

  test("stores all new decisions of a batch that contains an already decided payment", async () => {
    const stands = encoded("txn_s1", Outcome.DECLINE);
    await store.putIfAbsent([{ transactionId: "txn_s1", bytes: stands }]);
    const ids = ["txn_s0", "txn_s1", "txn_s2"];
    const kept = await store.putIfAbsent(ids.map((id) => ({ transactionId: id, bytes: encoded(id, Outcome.APPROVE) })));
    expect(kept.map((bytes) => Decision.decode(bytes).outcome)).toEqual([
      ...[Outcome.APPROVE, Outcome.DECLINE, Outcome.APPROVE],
    ]);
    const ttls = await Promise.all(ids.map((id) => redis.ttl(decisionKey(id))));
    for (const ttl of ttls) expect(ttl).toBeGreaterThan(3_590);
  });

  test("reports that Redis is unavailable if it cannot be reached", async () => {
    const away = connectRedis("redis://127.0.0.1:1");
    const lost = new DecisionStore(away, { DECISION_TTL_HOURS: 1 });
    const bytes = encoded("txn_a", Outcome.REVIEW);
    const unavailable = { code: "redis-unavailable" };
    await expect(lost.putIfAbsent([{ transactionId: "txn_a", bytes }])).rejects.toMatchObject(unavailable);
    await expect(lost.reply([{ channel: "c", bytes }])).rejects.toMatchObject(unavailable);
    away.disconnect();
  });
});
