import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEAD_LETTER_HEADERS, HEADERS } from "@tripline/contracts/headers";
import { REPLY_LABEL_APPLIED, replyChannel } from "@tripline/contracts/redis-keys";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, EventProducer, IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import type { Redis } from "ioredis";
import { featuresConfig } from "./config.js";
import { startFeatures } from "./start-features.js";
import { cardOf, label, labelRecord, payment, paymentRecord, randomNumbers, START_MS } from "./testing/events.js";
import { keyOf } from "./testing/instance.js";

const spec = currentFeatureSpec();
const DAY_MS = 86_400_000;

interface FinishedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
}

let stack: TestStack;
let telemetry: Telemetry;
let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;
let listener: EventConsumer;
let redis: Redis;
let subscriber: Redis;
let service: RunningService;
const spans: FinishedSpan[] = [];
const inbox = new BatchCollector();
const channel = replyChannel("test");

const start = (environment: Record<string, string> = {}) =>
  startFeatures(
    readConfig(featuresConfig, {
      PORT: "0",
      LOG_LEVEL: "silent",
      KAFKA_BROKERS: stack.kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: stack.topicPrefix,
      REDIS_URL: stack.redisUrl,
      REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
      ...environment,
    }),
  );

beforeAll(async () => {
  stack = await testStack();
  telemetry = startTelemetry({
    service: "features",
    spanProcessors: [
      {
        onStart: () => {},
        onEnd(span) {
          const { traceId, spanId } = span.spanContext();
          spans.push({ name: span.name, traceId, spanId, parentId: span.parentSpanContext?.spanId });
        },
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer();
  redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
  subscriber = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
  await Promise.all([awaitRedis(redis), awaitRedis(subscriber)]);
  await subscriber.subscribe(channel);
  listener = await kafka.consume({
    group: "test-inbox",
    topics: [TOPICS.features.name, deadLetterTopic(TOPICS.transactions.name), deadLetterTopic(TOPICS.labels.name)],
    handle: inbox.handle,
    onStop: () => {},
  });
  service = await start();
  await listener.ready;
});

afterAll(async () => {
  await service.close();
  await Promise.all([listener.close(), producer.close(), admin.close()]);
  redis.disconnect();
  subscriber.disconnect();
  await telemetry.shutdown();
});

const onTopic = (topic: string) => inbox.records.filter((record) => record.topic === topic);
const idOf = (record: IncomingRecord) => FeatureVector.decode(record.value).transaction?.transactionId;

/** The features record of a payment, once it has arrived. */
async function featuresOf(transaction: Transaction): Promise<IncomingRecord> {
  const find = () => onTopic(TOPICS.features.name).find((record) => idOf(record) === transaction.transactionId);
  await inbox.until(() => find() !== undefined, `features of ${transaction.clientTransactionId}`);
  const found = find();
  if (found === undefined) throw new Error("not there");
  return found;
}

/** Sends a label and waits until it counts. */
async function apply(event: Label): Promise<Buffer> {
  const reply = once(subscriber, "messageBuffer");
  await producer.send([labelRecord(event, { [HEADERS.replyTo]: channel })]);
  const [, message] = await reply;
  return message;
}

test("payments and labels get the pure engine's values, event by event", async () => {
  const engine = compileEngine(spec);
  const states = new Map<string, EntityState>();
  const stateOf = (entity: number, id: string) => {
    const state = states.get(id) ?? engine.decodeState(entity, null);
    states.set(id, state);
    return state;
  };
  const below = randomNumbers(5);
  for (let index = 0; index < 40; index += 1) {
    const [cardToken, terminalId] = [cardOf(below(2)), `shared-${below(2)}`];
    const states = [stateOf(0, cardToken), stateOf(1, terminalId)] as const;
    const atMs = START_MS + index * (DAY_MS / 3) - (below(5) === 0 ? 2 * DAY_MS : 0);
    const common = { clientTransactionId: `e2e-${index}`, cardToken, terminalId };
    if (below(3) === 0) {
      const event = label({ ...common, labelledAtMs: atMs, fraud: below(2) === 0 });
      engine.applyLabel(states, event);
      expect(await apply(event)).toEqual(Buffer.from(`${String.fromCharCode(REPLY_LABEL_APPLIED)}${event.labelId}`));
      continue;
    }
    const transaction = payment({ ...common, occurredAtMs: atMs, amountMinor: below(90_000) });
    const result = engine.applyPayment(states, transaction);
    await producer.send([paymentRecord(transaction)]);
    const record = await featuresOf(transaction);
    expect(record.key).toBe(cardToken);
    const { computedAtMs, ...vector } = FeatureVector.decode(record.value);
    expect(vector).toEqual({
      transaction,
      specVersion: spec.version,
      profileTimesMs: [0, 0],
      values: result.duplicate ? [] : result.values,
      sequences: engine.entities.map((_, entity) => states[entity]?.sequence ?? 0),
      tooLate: result.duplicate ? undefined : result.tooLate,
      incomplete: false,
    });
    expect(Math.abs(Date.now() - computedAtMs)).toBeLessThan(60_000);
  }
  const ttl = await redis.ttl(keyOf("terminal", "shared-1"));
  expect(ttl).toBeGreaterThan(44 * 86_400);
});

test("passes on headers and the trace with the payment", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const transaction = payment({ clientTransactionId: "traced", cardToken: cardOf(8), terminalId: "traced" });
  const headers = {
    [HEADERS.traceparent]: `00-${trace}-b7ad6b7169203331-01`,
    [HEADERS.deadline]: "1700000000000",
    [HEADERS.replyTo]: "reply:somebody",
    [HEADERS.attributes]: "sealed",
  };
  await producer.send([paymentRecord(transaction, headers)]);
  const record = await featuresOf(transaction);
  expect(record.headers).toEqual({
    [HEADERS.schema]: TOPICS.features.schema,
    [HEADERS.tenant]: "demo",
    [HEADERS.deadline]: "1700000000000",
    [HEADERS.replyTo]: "reply:somebody",
    [HEADERS.attributes]: "sealed",
    [HEADERS.traceparent]: expect.stringMatching(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`)),
  });
  const mine = () => spans.filter((span) => span.traceId === trace);
  while (mine().length < 4) await delay(5);
  const process = mine().find((span) => span.name === "process transactions");
  expect(process?.parentId).toBe("b7ad6b7169203331");
  const children = mine().filter((span) => span.parentId === process?.spanId);
  expect(children.map((span) => span.name)).toEqual(["redis read", "redis compare-and-set", "send features"]);
  expect(record.headers[HEADERS.traceparent]).toContain(children[2]?.spanId);
});

test("counts a label with the earliest time that ingestion accepts", async () => {
  const event = label({
    clientTransactionId: "earliest",
    labelledAtMs: EVENT_TIME_MS_MIN,
    occurredAtMs: EVENT_TIME_MS_MIN,
  });
  expect((await apply(event)).toString()).toContain(event.labelId);
});

test("dead-letters an unreadable record with its error, and continues with its partition", async () => {
  const cardToken = cardOf(9);
  const before = payment({ clientTransactionId: "before", cardToken });
  const after = payment({ clientTransactionId: "after", cardToken });
  const garbage = { ...paymentRecord(before), value: Buffer.from([0xff, 0x00]) };
  const noTenant = paymentRecord(payment({ clientTransactionId: "bad", cardToken, tenant: "" }));
  const tooLarge = paymentRecord(payment({ clientTransactionId: "large", cardToken, amountMinor: 2 ** 52 }));
  const badLabel = labelRecord(label({ clientTransactionId: "bad", labelledAtMs: 0 }));
  await producer.send([paymentRecord(before), garbage, noTenant, tooLarge, paymentRecord(after), badLabel]);
  await featuresOf(before);
  await featuresOf(after);
  const letters = () => [
    ...onTopic(deadLetterTopic(TOPICS.transactions.name)),
    ...onTopic(deadLetterTopic(TOPICS.labels.name)),
  ];
  await inbox.until(() => letters().length >= 4, "four dead letters");
  expect(letters().map((record) => record.headers[DEAD_LETTER_HEADERS.code])).toEqual([
    ...["message-unreadable", "message-unreadable", "invalid-field"],
    "message-unreadable",
  ]);
  expect(letters()[0]?.value).toEqual(garbage.value);
  const state = await redis.getBuffer(keyOf("card", cardToken));
  expect(compileEngine(spec).decodeState(0, state).sequence).toBe(2);
});

test("replies to a duplicate label again", async () => {
  const event = label({ clientTransactionId: "again", cardToken: cardOf(7), terminalId: "again" });
  const first = await apply(event);
  expect(await apply(event)).toEqual(first);
  const state = await redis.getBuffer(keyOf("terminal", "again"));
  expect(compileEngine(spec).decodeState(1, state).sequence).toBe(1);
});

test("is ready with Kafka and Redis, is not ready without Redis, and stops at a state with an unsupported version", async () => {
  const statusOf = async ({ url }: RunningService) => (await fetch(`${url}/health/ready`)).status;
  while ((await statusOf(service)) !== 200) await delay(50);
  const lost = await start({ REDIS_URL: "redis://127.0.0.1:1", KAFKA_TOPIC_PREFIX: `${stack.topicPrefix}other.` });
  const answer = await fetch(`${lost.url}/health/ready`);
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    { checks: { redis: expect.not.stringMatching("ok") } },
  ]);
  await lost.close();

  const transaction = payment({ clientTransactionId: "newer", cardToken: cardOf(6) });
  const key = keyOf("card", cardOf(6));
  await redis.set(key, Buffer.from([9, 0, 0, 0]));
  await producer.send([paymentRecord(transaction)]);
  while ((await statusOf(service)) === 200) await delay(20);
  expect(await redis.getBuffer(key)).toEqual(Buffer.from([9, 0, 0, 0]));
  await service.close();
  await redis.del(key);
  service = await start();
  await featuresOf(transaction);
});

test.each([
  ["less than the longest window", { STATE_TTL_DAYS: "30" }],
  ["no number", { STATE_TTL_DAYS: "long" }],
])("rejects a time to live of %s", async (_name, environment) => {
  const attempt = async () => start(environment);
  await expect(attempt()).rejects.toMatchObject({ code: "config-invalid" });
});
