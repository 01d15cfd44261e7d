import { setTimeout as delay } from "node:timers/promises";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { pauseProcess } from "@tripline/local-stack/testing/pause-process";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import { featuresConfig } from "../config.js";
import { startFeatures } from "../start-features.js";
import { paymentRecord } from "../testing/events.js";
import {
  APPLIED_KEY,
  expectedVectors,
  makeInstance,
  Outbox,
  payments,
  recordsOf,
  STORE_OPTIONS,
  withoutClock,
} from "../testing/instance.js";
import { useOwnRedis } from "../testing/own-redis.js";
import { StateStore } from "./state-store.js";

const MEMORY = "1gb";
const WAIT_MS_MAX = 120_000;

const own = useOwnRedis();

async function processId(): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(await own.admin.info("server"))?.[1]);
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await delay(10);
  }
}

test("while Redis does not respond, every attempt fails in bounded time and memory; afterwards, each event counts once", async () => {
  const tries = 15;
  const transactions = payments(30, 21);
  const log = recordsOf(transactions);
  const redis = connectRedis(own.url);
  await awaitRedis(redis);
  const { handle, outbox } = makeInstance(redis, new Outbox());
  await handle(log.slice(0, 10));
  const pid = await processId();
  await pauseProcess(pid);
  try {
    let waiting = 0;
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const failed = handle(log.slice(10)).catch((error: { code: string }) => error.code);
      const late = delay(WAIT_MS_MAX, "no answer", { ref: false });
      expect(await Promise.race([failed, late])).toBe("redis-unavailable");
      waiting = Math.max(waiting, redis.commandQueue.length);
      await delay(100);
    }
    // Counts what one attempt requests, not the total of all attempts.
    expect(waiting).toBeLessThan(10);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await until(() => redis.status === "ready", "a new connection");
  await handle(log.slice(10));
  expect(outbox.sent.map(withoutClock)).toEqual(expectedVectors(transactions));
  redis.disconnect();
});

test("while Redis is out of memory, no record is lost or dead-lettered; with more memory, processing continues", async () => {
  const { kafkaBrokers, topicPrefix } = await testStack();
  const kafka = connectKafka({ brokers: kafkaBrokers, topicPrefix, clientId: "test" });
  const topics = await kafka.admin();
  await topics.ensureTopics();
  const producer = await kafka.producer();
  const inbox = new BatchCollector();
  const listener = await kafka.consume({
    group: "inbox",
    topics: [TOPICS.features.name, deadLetterTopic(TOPICS.transactions.name)],
    handle: inbox.handle,
    onStop() {},
  });
  let retries = 0;
  const logger = Object.assign(createLogger("features", "silent"), {
    warn(extra: { readonly code?: string }) {
      if (extra.code === "redis-unavailable") retries += 1;
    },
  });
  const service = await startFeatures(
    readConfig(featuresConfig, {
      PORT: "0",
      KAFKA_BROKERS: kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: topicPrefix,
      REDIS_URL: own.url,
      REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
    }),
    logger,
  );
  const transactions = payments(60, 22);
  try {
    await producer.send(transactions.slice(0, 20).map((transaction) => paymentRecord(transaction)));
    await inbox.untilRecords(20);
    await own.admin.config("SET", "maxmemory", "1");
    await producer.send(transactions.slice(20).map((transaction) => paymentRecord(transaction)));
    // An error that may be a bug in Tripline would get fewer retries.
    await until(() => retries >= 8, "retries");
    expect(inbox.records).toHaveLength(20);
    await own.admin.config("SET", "maxmemory", MEMORY);
    await inbox.untilRecords(60);
  } finally {
    await own.admin.config("SET", "maxmemory", MEMORY);
    await service.close();
    await Promise.all([listener.close(), producer.close(), topics.close()]);
  }
  expect(new Set(inbox.records.map(({ topic }) => topic))).toEqual(new Set([TOPICS.features.name]));
  const vectors = inbox.records.map(({ value }) => FeatureVector.decode(value));
  expect(vectors.filter(({ incomplete }) => incomplete)).toEqual([]);
  const ids = new Set(vectors.map(({ transaction }) => transaction?.transactionId));
  expect(ids.size).toBe(60);
});

test("rejects a Redis that evicts keys, and accepts it after its setting is corrected", async () => {
  const redis = connectRedis(own.url);
  await awaitRedis(redis);
  const read = () => new StateStore(redis, STORE_OPTIONS).read([APPLIED_KEY], []);
  try {
    await own.admin.config("SET", "maxmemory-policy", "volatile-lru");
    const words = expect.stringMatching(/maxmemory-policy volatile-lru\). Set maxmemory-policy to noeviction/);
    await expect(read()).rejects.toMatchObject({ code: "config-invalid", message: words });
  } finally {
    await own.admin.config("SET", "maxmemory-policy", "noeviction");
  }
  await expect(read()).resolves.toMatchObject({ complete: false });
  redis.disconnect();
});
