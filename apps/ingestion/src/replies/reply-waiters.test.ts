import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { decisionFor, replyDecision, storeDecision } from "../testing/decider.js";
import { readDecisions } from "./read-decisions.js";
import { ReplyWaiters } from "./reply-waiters.js";
import { WaitingBound } from "./waiting-bound.js";

const CHANNEL = "reply:test";
const LONG_MS = 60_000;

function decision(id: string): Decision {
  return decisionFor({ ...Transaction.decode(new Uint8Array()), transactionId: id, tenant: "acme" });
}

describe("ReplyWaiters", () => {
  let redis: Redis;
  let subscriber: Redis;
  let replies: ReplyWaiters;

  beforeAll(async () => {
    const { redisUrl } = await testStack();
    redis = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
    subscriber = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
    await Promise.all([awaitRedis(redis), awaitRedis(subscriber)]);
    replies = new ReplyWaiters({
      subscriber,
      channel: CHANNEL,
      waitersMax: 3,
      bound: new WaitingBound(LONG_MS),
      logger: createLogger("test", "silent"),
      lookUp: (ids) => readDecisions(redis, ids),
    });
    await replies.start();
  });

  afterEach(() => {
    expect(replies.size).toBe(0);
  });

  afterAll(() => {
    redis.disconnect();
    subscriber.disconnect();
  });

  test("delivers each reply to all its waiters, and ends their waits when all replies have arrived", async () => {
    const [both, one] = [replies.open(["a", "b"], LONG_MS, true, "acme"), replies.open(["a"], LONG_MS, true, "acme")];
    expect(replies.size).toBe(3);
    await replyDecision(redis, CHANNEL, decision("a"));
    expect([...(await one.answers()).keys()]).toEqual(["a"]);
    await replyDecision(redis, CHANNEL, decision("b"));
    expect([...(await both.answers()).keys()]).toEqual(["a", "b"]);
  });

  test("regression #24: a wait that has already ended sets no timer with a negative delay", async () => {
    const timers = jest.spyOn(globalThis, "setTimeout");
    const group = replies.open(["late"], -434, false, "acme");
    const delaysMs = timers.mock.calls.map(([, delayMs]) => delayMs);
    timers.mockRestore();
    expect([delaysMs, (await group.answers()).size]).toEqual([[0], 0]);
  });

  test("reports applied labels, and skips replies that it cannot read", async () => {
    const group = replies.open(["lbl_1"], LONG_MS, false, "acme");
    for (const bytes of [[], [0x7f, 1], [0x64, 0xff, 0xff]]) await redis.publish(CHANNEL, Buffer.from(bytes));
    await redis.publish(CHANNEL, Buffer.concat([Buffer.from([REPLY_LABEL_APPLIED]), Buffer.from("lbl_1")]));
    expect(await group.answers()).toEqual(new Map([["lbl_1", "label-applied"]]));
  });

  test("finds the decision of a watched payment even if no reply was published", async () => {
    const group = replies.open(["watched"], LONG_MS, true, "acme");
    const startedAtMs = Date.now();
    group.watch(["watched"]);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await storeDecision(redis, decision("watched"));
    expect((await group.answers()).get("watched")).toEqual(decision("watched"));
    expect(Date.now() - startedAtMs).toBeLessThan(LONG_MS / 2);
  });

  test("finds replies that were published while the connection was broken", async () => {
    const group = replies.open(["missed"], LONG_MS, true, "acme");
    const startedAtMs = Date.now();
    const ended = new Promise((resolve) => subscriber.once("close", resolve));
    subscriber.disconnect(true);
    await ended;
    await storeDecision(redis, decision("missed"));
    expect((await group.answers()).has("missed")).toBe(true);
    expect(Date.now() - startedAtMs).toBeLessThan(LONG_MS / 2);

    while (Number((await redis.pubsub("NUMSUB", CHANNEL))[1]) === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const later = replies.open(["later"], LONG_MS, true, "acme");
    await replyDecision(redis, CHANNEL, decision("later"));
    expect((await later.answers()).has("later")).toBe(true);
  });

  test("looks up replies once more at the deadline, then returns those that have arrived", async () => {
    await storeDecision(redis, decision("stored"));
    const group = replies.open(["stored", "never"], 30, true, "acme");
    expect([...(await group.answers()).keys()]).toEqual(["stored"]);
  });

  test("rejects waits above its limit, and accepts new ones after others were released", async () => {
    const full = replies.open(["a", "b", "c"], LONG_MS, true, "acme");
    expect(() => replies.open(["d"], LONG_MS, true, "acme")).toThrow(
      expect.objectContaining({ code: "too-many-requests" }),
    );
    full.settle("a");
    replies.open(["d"], LONG_MS, true, "acme").close();
    full.close();
    replies.open(["a", "b", "c"], LONG_MS, true, "acme").close();
  });

  test("ends all waits on release, and accepts no new ones", async () => {
    const group = replies.open(["a"], LONG_MS, true, "acme");
    replies.release();
    expect(await group.answers()).toEqual(new Map());
    expect(() => replies.open(["a"], LONG_MS, true, "acme")).toThrow(
      expect.objectContaining({ code: "shutting-down" }),
    );
  });
});
