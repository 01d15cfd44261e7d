import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import { Redis } from "ioredis";
import type { LoadStateOptions } from "./load-state.js";
import { loadState } from "./load-state.js";
import { writeStateKey } from "./state-key.js";
import { writeSnapshot } from "./state-snapshot.js";

const engine = compileEngine(currentFeatureSpec());
const [card] = engine.entities;
if (card === undefined) throw new Error("a spec without entities");
const MARK = completeKey(engine.entities);
const STATE = stateKey(card, "shop", "ct_1");
const WAIT_MS_MAX = 120_000;

let folder: string;
let stack: TestStack;
let kafka: Kafka;
let admin: KafkaAdmin;
let redis: Redis;
let consumer: EventConsumer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "load-state-"));
  stack = await testStack();
  kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
  admin = await kafka.admin();
  await admin.ensureTopics();
  redis = new Redis(stack.redisUrl);
  await writeSnapshot(join(folder, "state.bin"), engine, 1, [[STATE, Buffer.from("of a history")]]);
});

afterEach(async () => {
  await consumer?.close();
  consumer = undefined;
  await admin.close();
  redis.disconnect();
  await rm(folder, { recursive: true });
});

const load = (over: Partial<LoadStateOptions> = {}) =>
  loadState({
    statePath: join(folder, "state.bin"),
    redisUrl: stack.redisUrl,
    kafka: { admin, topicPrefix: stack.topicPrefix },
    ...over,
  });

/** Simulates the features service, as Kafka sees it. */
async function serve(): Promise<void> {
  const topics = [TOPICS.transactions.name, TOPICS.labels.name];
  consumer = await kafka.consume({ group: "features", topics, handle: async () => {}, onStop() {} });
  await consumer.ready;
}

/** The service handles and commits one record. */
async function count(): Promise<void> {
  await serve();
  const producer = await kafka.producer();
  await producer.send([{ topic: TOPICS.labels.name, key: "ct_1", value: Buffer.of(1), headers: {} }]);
  await producer.close();
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while ((await admin.committedOffsets("features", TOPICS.labels.name)).size === 0) {
    if (performance.now() > deadlineMs) throw new Error(`nothing is committed after ${WAIT_MS_MAX} ms`);
    await delay(20);
  }
}

async function stop(): Promise<void> {
  await consumer?.close();
  consumer = undefined;
}

const isRefused = (...words: string[]) =>
  expect.objectContaining({ code: "state-conflict", message: expect.stringMatching(new RegExp(words.join(".*"))) });

const stored = async () => [await redis.get(STATE), await redis.exists(MARK)];

test("does not load states whose tokens were created with a different key", async () => {
  const [made, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  await writeStateKey(join(folder, "state.bin"), made);
  await expect(load({ cardTokenKey: other })).rejects.toMatchObject({ code: "state-conflict" });
  expect(await redis.exists(STATE)).toBe(0);
  await expect(load({ cardTokenKey: made })).resolves.toEqual({ states: 1 });
});

test("a new service gets its history, even if payments are waiting for it", async () => {
  const producer = await kafka.producer();
  await producer.send([{ topic: TOPICS.transactions.name, key: "ct_1", value: Buffer.of(1), headers: {} }]);
  await producer.close();
  expect(await load()).toEqual({ states: 1 });
  expect(await stored()).toEqual(["of a history", 1]);
});

test("regression #12: rejects an old snapshot after Redis lost counted events, and suggests the right command, with or without the service", async () => {
  await count();
  await redis.flushdb();
  await expect(load()).rejects.toEqual(isRefused("has counted", "`tripline rebuild-state`", "--partial"));
  await stop();
  await expect(load()).rejects.toEqual(isRefused("has counted", "`tripline rebuild-state`"));
  expect(await stored()).toEqual([null, 0]);
  expect(await load({ isPartial: true })).toEqual({ states: 1 });
  expect(await stored()).toEqual(["of a history", 1]);
});

test("rejects a snapshot if Redis has counted events, even if Kafka has forgotten the group", async () => {
  const topic = stack.topicPrefix + TOPICS.labels.name;
  await redis.set(appliedKey(await admin.clusterId(), topic, 3), "counted");
  await redis.set(MARK, "complete");
  await expect(load()).rejects.toEqual(isRefused("has counted"));
  expect(await stored()).toEqual([null, 1]);
});

test("ignores counts from a Kafka cluster that no longer exists", async () => {
  await redis.set(appliedKey("another-cluster", stack.topicPrefix + TOPICS.labels.name, 3), "counted");
  expect(await load()).toEqual({ states: 1 });
});

test("is rejected while the service runs, even if nothing is counted yet or a gap is accepted", async () => {
  await serve();
  for (const isPartial of [false, true]) {
    await expect(load({ isPartial })).rejects.toEqual(isRefused("Stop the features service first", "1 of"));
  }
  expect(await stored()).toEqual([null, 0]);
});

test("notices a service that starts while states are loaded, and does not mark them as complete", async () => {
  const others = Array.from({ length: 1_000 }, (_, index) => [`${STATE}${index}`, Buffer.of(1)] as const);
  await writeSnapshot(join(folder, "many.bin"), engine, others.length, others);
  await redis.set(MARK, "of before");
  let begun: Promise<void> | undefined;
  const watched = {
    clusterId: () => admin.clusterId(),
    endOffsets: (topic: string) => admin.endOffsets(topic),
    groupMembers: (group: string) => admin.groupMembers(group),
    async committedOffsets(group: string, topic: string) {
      if ((await redis.exists(`${STATE}0`)) === 1) begun ??= count();
      await begun;
      return admin.committedOffsets(group, topic);
    },
  };
  const attempt = load({
    statePath: join(folder, "many.bin"),
    kafka: { admin: watched, topicPrefix: stack.topicPrefix },
  });
  await expect(attempt).rejects.toEqual(isRefused("has counted"));
  expect(await redis.exists(MARK)).toBe(0);
});
