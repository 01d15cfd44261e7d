import { setTimeout as delay } from "node:timers/promises";
import { NetworkProxy } from "@tripline/local-stack/testing/network-proxy";
import { testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { TestServing } from "../../testing/serving.js";
import { columnsOf, markComplete, startServing, untilReady } from "../../testing/serving.js";
import { BoundRedis } from "./bound-redis.js";

const REQUEST = { features: ["card_windows:card_count_1d"], entities: { card_token: ["ct_1"] } };
const READ_COMMAND = "mget";
/** Much more than the command timeout of one second, and much less than the test's time limit. */
const ANSWER_MS_MAX = 60_000;

let proxy: NetworkProxy;
/** Everything that clients sent to Redis. */
let sent = "";
let proxyUrl: string;
let serving: TestServing;
let redis: Redis | undefined;

beforeAll(async () => {
  const { redisUrl } = await testStack();
  const url = new URL(redisUrl);
  proxy = await NetworkProxy.start(Number(url.port));
  proxy.onRequest = (chunk) => {
    sent += chunk.toString("latin1");
  };
  url.port = String(proxy.port);
  proxyUrl = url.href;
  serving = await startServing({ REDIS_URL: proxyUrl, REDIS_TIMEOUT_MS: "1000" });
  await markComplete(serving.redis);
});
afterAll(async () => {
  redis?.disconnect();
  await serving.close();
  proxy.close();
});

const readsSent = () => sent.split(READ_COMMAND).length - 1;
const read = () => serving.post("/get-online-features", REQUEST);
const readMany = (count: number) => Promise.all(Array.from({ length: count }, read));
const bounded = <T>(work: Promise<T>) =>
  Promise.race([
    work,
    new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error("no answer")), ANSWER_MS_MAX).unref();
    }),
  ]);

async function untilAnswers(bound: BoundRedis): Promise<void> {
  const deadline = Date.now() + ANSWER_MS_MAX;
  for (;;) {
    if (Date.now() > deadline) throw new Error("Redis does not answer");
    const answered = await bound.ping().then(
      () => true,
      () => false,
    );
    if (answered) return;
    await delay(20);
  }
}

test("while Redis does not respond, every request gets 503 and later ones are not sent; afterwards, requests succeed again", async () => {
  expect(columnsOf(await read()).get("card_count_1d")?.statuses).toEqual(["NOT_FOUND"]);
  const readsBefore = readsSent();
  expect(readsBefore).toBeGreaterThan(0);

  proxy.hold("requests");
  const first = await bounded(readMany(20));
  expect(first.map(({ status }) => status)).toEqual(new Array(20).fill(503));
  expect(JSON.parse(first[0]?.text ?? "").code).toBe("redis-unavailable");
  expect(Number(first[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(readsSent()).toBe(readsBefore + 20);

  for (let wave = 0; wave < 5; wave += 1) {
    const next = await bounded(readMany(50));
    expect(next.map(({ status }) => status)).toEqual(new Array(50).fill(503));
  }
  // Abandoned commands were not sent, and nothing is queued behind them.
  expect(readsSent()).toBe(readsBefore + 20);

  proxy.release();
  await untilReady(serving.service);
  expect(columnsOf(await read()).get("card_count_1d")?.statuses).toEqual(["NOT_FOUND"]);
});

test("limits how many requests wait for Redis", async () => {
  redis = connectRedis(proxyUrl);
  await awaitRedis(redis);
  const bound = new BoundRedis(redis, 2);
  await bound.ping();
  proxy.hold("requests");
  const waiting = [bound.ping(), bound.ping()].map((work) => work.catch((error) => error.code));
  await expect(bound.ping()).rejects.toMatchObject({ code: "queue-full" });
  expect(await Promise.all(waiting)).toEqual(["redis-unavailable", "redis-unavailable"]);
  await expect(bound.ping()).rejects.toMatchObject({ code: "redis-unavailable" });
  proxy.release();
  await untilAnswers(bound);
});

test("a request that waits when the service closes is answered, and its connection ends", async () => {
  const closing = await startServing({ REDIS_URL: proxyUrl, REDIS_TIMEOUT_MS: "1000" });
  proxy.hold("requests");
  const waiting = closing.post("/get-online-features", REQUEST);
  const reads = readsSent();
  while (readsSent() === reads) await delay(5);
  const closed = closing.close();
  const answer = await bounded(waiting);
  expect([answer.status, answer.headers.get("connection")]).toEqual([503, "close"]);
  proxy.release();
  await bounded(closed);
});
