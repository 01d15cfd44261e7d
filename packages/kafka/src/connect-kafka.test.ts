import type { Socket } from "node:net";
import type { Topic } from "@tripline/contracts/topics";
import { ALL_TOPICS, TOPICS } from "@tripline/contracts/topics";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Admin } from "kafkajs";
import { AdministeredKafka } from "./administered-kafka.js";
import { connectKafka } from "./connect-kafka.js";
import { clientOpener } from "./open-client.js";
import type { ConsumerOptions, EventConsumer, EventProducer, Kafka, KafkaAdmin, OutgoingRecord } from "./port.js";
import { BatchCollector } from "./testing/batch-collector.js";
import { TestResources } from "./testing/test-resources.js";

const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let brokers: string[];
let topicPrefix: string;
let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeAll(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  // Simulates several services that start simultaneously, and another call later.
  const others = await Promise.all([kafka.admin(), kafka.admin()]);
  await Promise.all([admin, ...others].map((each) => each.ensureTopics()));
  await admin.ensureTopics();
  await Promise.all(others.map((other) => other.close()));
  producer = await kafka.producer();
});

afterAll(async () => {
  await Promise.all([producer.close(), admin.close()]);
});

afterEach(() => resources.close());

async function consume(options: ConsumerOptions): Promise<EventConsumer> {
  return resources.keep(await kafka.consume(options));
}

const record = (topic: string, key: string, text: string): OutgoingRecord => ({
  topic,
  key,
  value: Buffer.from(text),
  headers: {},
});

/** A client without the topic table, to simulate an older version or an operator. */
async function withRawAdmin<T>(work: (raw: Admin) => Promise<T>): Promise<T> {
  const client = clientOpener({ brokers, clientId: "test", log: () => {} })({ requestMsMax: 5_000, retry: {} });
  const raw = client.kafka.admin();
  await raw.connect();
  try {
    return await work(raw);
  } finally {
    await raw.disconnect();
    client.destroy();
  }
}

/** The settings of topics, by prefixed topic name and setting. */
async function configsOf(prefix: string) {
  return withRawAdmin(async (raw) => {
    const names = (await raw.listTopics()).filter((name) => name.startsWith(prefix));
    const described = await raw.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: 2, name })),
    });
    const config = (topic: string, entry: string) =>
      described.resources
        .find(({ resourceName }) => resourceName === prefix + topic)
        ?.configEntries.find(({ configName }) => configName === entry)?.configValue;
    return { names, config };
  });
}

test("creates every topic of the table with its partitions, retention and dead-letter topic", async () => {
  const { names, config } = await configsOf(topicPrefix);
  expect(names.map((name) => name.slice(topicPrefix.length)).sort()).toEqual(ALL_TOPICS.map(({ name }) => name).sort());
  expect(config("transactions", "retention.ms")).toBe(String(7 * 86_400_000));
  expect(config("transactions.dlq", "retention.ms")).toBe(String(90 * 86_400_000));
  expect(config("lists", "cleanup.policy")).toBe("compact");
  expect(config("transactions.dlq", "max.message.bytes")).toBe(String(2 * 1024 ** 2));
  expect((await admin.endOffsets("transactions")).size).toBe(6);
  expect((await admin.endOffsets("transactions.dlq")).size).toBe(1);
  expect(await admin.clusterId()).toMatch(/^\S{22}$/);
});

test("gives a topic of a later version the number of partitions of the existing topics", async () => {
  const { transactions, decisions, driftDetected } = TOPICS;
  const cluster = { brokers, clientId: "test" };
  const ofVersion = (topics: readonly Topic[]) =>
    resources.keep(new AdministeredKafka({ cluster, topicPrefix: `later-${topicPrefix}`, log: () => {}, topics }));
  await ofVersion([transactions]).ensureTopics({ partitions: 4 });
  const found = await ofVersion([transactions, decisions, driftDetected]).ensureTopics({ partitions: 24 });
  expect(Object.fromEntries(found)).toEqual({ transactions: 4, decisions: 4, "drift-detected": 1 });
});

const HOUR_MS = 3_600_000;
const APPLIED_MS_MAX = 90_000;

test("regression #24: Kafka deletes a record within a day after its retention, and a wrapped key within an hour", async () => {
  const { config } = await configsOf(topicPrefix);
  for (const topic of ["subject-keys", "subject-keys.dlq"]) {
    expect(config(topic, "retention.ms")).toBe(String(24 * HOUR_MS));
    expect(config(topic, "segment.ms")).toBe(String(HOUR_MS));
  }
  for (const { name, retentionDays } of ALL_TOPICS) {
    expect(Number(config(name, "segment.ms"))).toBeLessThanOrEqual(24 * HOUR_MS);
    // Otherwise, the old value of a key remains until half of the log has changed.
    if (retentionDays === undefined) expect(config(name, "max.compaction.lag.ms")).toBe(String(24 * HOUR_MS));
  }
});

test("regression #24: older topics get missing settings and keep the settings that an operator changed", async () => {
  const prefix = `old-${topicPrefix}`;
  const week = { name: "retention.ms", value: String(7 * 24 * HOUR_MS) };
  const create = (name: string, configEntries: { name: string; value: string }[]) => ({
    topic: prefix + name,
    configEntries,
  });
  const topics = [
    create("subject-keys", [{ name: "retention.ms", value: String(24 * HOUR_MS) }]),
    create("lists", [
      { name: "cleanup.policy", value: "compact" },
      { name: "segment.ms", value: String(24 * HOUR_MS) },
    ]),
    create("labels", [week, { name: "compression.type", value: "zstd" }]),
  ];
  await withRawAdmin(async (raw) => {
    // kafkajs fails if it requests leaders before the broker knows the topics.
    await raw.createTopics({ topics, waitForLeaders: false });
    const deadlineMs = Date.now() + APPLIED_MS_MAX;
    const areKnown = async () => {
      const names = new Set(await raw.listTopics());
      return topics.every(({ topic }) => names.has(topic));
    };
    while (!(await areKnown()) && Date.now() < deadlineMs);
  });
  const said: string[] = [];
  const old = await connectKafka({
    brokers,
    clientId: "test",
    topicPrefix: prefix,
    log: (_level, message) => said.push(message),
  }).admin();
  resources.keep(old);
  await old.ensureTopics();
  // Kafka responds before its brokers have applied a setting.
  const deadlineMs = Date.now() + APPLIED_MS_MAX;
  let { config } = await configsOf(prefix);
  while (config("subject-keys", "segment.ms") !== String(HOUR_MS) && Date.now() < deadlineMs) {
    ({ config } = await configsOf(prefix));
  }
  expect(config("subject-keys", "segment.ms")).toBe(String(HOUR_MS));
  expect(config("subject-keys", "retention.ms")).toBe(String(24 * HOUR_MS));
  expect(config("lists", "max.compaction.lag.ms")).toBe(String(24 * HOUR_MS));
  expect(config("lists", "cleanup.policy")).toBe("compact");
  expect(config("labels", "retention.ms")).toBe(week.value);
  expect(config("labels", "compression.type")).toBe("zstd");
  expect(config("labels", "segment.ms")).toBe(String(24 * HOUR_MS));
  expect(said.filter((line) => line.includes("retention.ms"))).toEqual([
    `topic ${prefix}labels keeps retention.ms=${week.value}, although the topic table specifies 7776000000`,
  ]);
});

test("delivers a record unchanged", async () => {
  const collector = new BatchCollector();
  const consumer = await consume({ group: "as-sent", topics: ["labels"], handle: collector.handle, onStop });
  const value = Buffer.from([0, 255, 128, 10]);
  const sentAtMs = Date.now();
  await producer.send([{ topic: "labels", key: "ct_é", value, headers: { traceparent: "00-ab", empty: "" } }]);
  await collector.untilRecords(1);
  const [received] = collector.records;
  expect(received).toMatchObject({
    topic: "labels",
    key: "ct_é",
    offset: 0,
    headers: { traceparent: "00-ab", empty: "" },
  });
  expect(received?.value.equals(value)).toBe(true);
  expect(Math.abs((received?.timestampMs ?? 0) - sentAtMs)).toBeLessThan(60_000);
  await consumer.close();
});

test("keeps the order of each key across many concurrent sends, in batches of one partition each", async () => {
  const keys = 60;
  const perKey = 50;
  const sends: Promise<void>[] = [];
  for (let index = 0; index < perKey; index += 1) {
    for (let key = 0; key < keys; key += 1) {
      sends.push(producer.send([record("transactions", `key-${key}`, `${index}`)]));
    }
    // Some of the sends are simultaneous, others are not.
    if (index % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(sends);
  const collector = new BatchCollector(() => new Promise((resolve) => setImmediate(resolve)));
  const consumer = await consume({
    group: "order",
    topics: ["transactions"],
    recordsPerBatchMax: 100,
    handle: collector.handle,
    onStop,
  });
  await collector.untilRecords(keys * perKey);
  await consumer.close();

  const byKey = Map.groupBy(collector.records, ({ key }) => key);
  expect(byKey.size).toBe(keys);
  const expected = [...Array(perKey).keys()].map(String);
  for (const records of byKey.values()) {
    expect(records.map(({ value }) => value.toString())).toEqual(expected);
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
  }
  expect(collector.overlapMax).toBe(1);
  expect(Math.max(...collector.batches.map(({ records }) => records.length))).toBeLessThanOrEqual(100);
  for (const { topic, partition, records } of collector.batches) {
    expect(records.every((each) => each.topic === topic && each.partition === partition)).toBe(true);
  }
  // Everything handled was committed before the consumer closed.
  expect(await admin.committedOffsets("order", "transactions")).toEqual(await admin.endOffsets("transactions"));
});

test("delivers records produced once a consumer is ready, even in a group that has consumed before", async () => {
  for (let round = 0; round < 2; round += 1) {
    const collector = new BatchCollector();
    const topics = ["features", "decisions"];
    const consumer = await consume({ group: "ready", topics, handle: collector.handle, onStop });
    await consumer.ready;
    expect(consumer.isHealthy()).toBe(true);
    await producer.send([record("features", "a", `${round}`), record("decisions", "b", `${round}`)]);
    await collector.untilRecords(2);
    expect(collector.records.map(({ value }) => value.toString())).toEqual([`${round}`, `${round}`]);
    await consumer.close();
    expect(consumer.isHealthy()).toBe(false);
  }
});

test("requests the cluster's id from Kafka on each call, because readiness checks rely on it", async () => {
  let socket: Socket | undefined;
  const onSocket = (opened: Socket) => {
    socket = opened;
  };
  const cluster = { brokers, clientId: "test", onSocket };
  const asking = resources.keep(new AdministeredKafka({ cluster, topicPrefix, log: () => {} }));
  const id = await asking.clusterId();
  const writtenBytes = socket?.bytesWritten ?? Number.POSITIVE_INFINITY;
  expect(await asking.clusterId()).toBe(id);
  expect(socket?.bytesWritten).toBeGreaterThan(writtenBytes);
});

test("regression #25: the end of a topic excludes an open transaction, as our consumers do", async () => {
  const client = clientOpener({ brokers, clientId: "test", log: () => {} })({ requestMsMax: 5_000, retry: {} });
  const raw = client.kafka.producer({
    transactionalId: `${topicPrefix}open`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await raw.connect();
  const transaction = await raw.transaction();
  const before = (await admin.endOffsets("payment-updates")).get(0) ?? 0;
  const messages = [{ key: "a", value: "1", partition: 0 }];
  await transaction.send({ topic: `${topicPrefix}payment-updates`, messages });
  expect((await admin.endOffsets("payment-updates")).get(0)).toBe(before);
  await transaction.commit();
  await raw.disconnect();
  client.destroy();
});

test("a group that never committed has no offsets", async () => {
  expect(await admin.committedOffsets("unheard-of", "features")).toEqual(new Map());
});

test("counts the live members of a group, and 0 after they leave", async () => {
  expect(await admin.groupMembers("members")).toBe(0);
  const options = { group: "members", topics: ["features"], handle: async () => {}, onStop };
  const consumers = [await consume(options), await consume(options)];
  await Promise.all(consumers.map((consumer) => consumer.ready));
  expect(await admin.groupMembers("members")).toBe(2);
  await Promise.all(consumers.map((consumer) => consumer.close()));
  expect(await admin.groupMembers("members")).toBe(0);
});
