import { setTimeout as delay } from "node:timers/promises";
import { CASE_EVENTS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, EventProducer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Subscription } from "./subscriptions.js";
import { WEBHOOKS_GROUP, WebhookPositions } from "./webhook-positions.js";

const KEY = "k";
const POLL_MS = 50;
const ENDPOINT: Subscription = { id: "a", tenant: "acme", types: new Set(), createdAtMs: 0, isFull: false };

let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeAll(async () => {
  const { kafkaBrokers: brokers, topicPrefix } = await testStack();
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer({ lingerMs: 0 });
});
afterAll(async () => {
  await producer?.close();
  await admin?.close();
});

const send = (topic: string, text: string) =>
  producer.send([{ topic, key: KEY, value: Buffer.from(text), headers: {} }]);

/** Consumes a topic with the control plane's consumer group, until a test closes the consumer. */
async function open(topic: string, endpoints: Subscription[]) {
  const collector = new BatchCollector();
  let consumer: EventConsumer | undefined;
  const commit = (_group: string, ...[name, partition, offset]: [string, number, number]): void =>
    consumer?.commit(name, partition, offset);
  const positions = new WebhookPositions(admin, { commit }, { read: async () => endpoints });
  consumer = await kafka.consume({
    group: WEBHOOKS_GROUP,
    topics: [topic],
    positions,
    async handle(batches) {
      await collector.handle(batches);
      positions.handled(batches);
    },
    onStop(error) {
      throw error;
    },
  });
  await consumer.ready;
  const partitions = (await admin.endOffsets(topic)).size;
  while ((await admin.committedOffsets(WEBHOOKS_GROUP, topic)).size < partitions) await delay(POLL_MS);
  return { collector, close: () => consumer.close() };
}

const textsOf = ({ records }: BatchCollector) => records.map(({ value }) => value.toString());

test("regression #30: without endpoints, a new group starts at the newest record, and resumes there", async () => {
  const { name: topic } = TOPICS.decisions;
  await send(topic, "old");
  // The group handles no record, but its position is stored.
  const first = await open(topic, []);
  await first.close();
  await send(topic, "while it was down");
  const second = await open(topic, []);
  await second.collector.until(() => second.collector.records.length > 0, "a record");
  await second.close();
  expect([first, second].flatMap(({ collector }) => textsOf(collector))).toEqual(["while it was down"]);
  await send(topic, "last");
  const third = await open(topic, [ENDPOINT]);
  await third.collector.until(() => third.collector.records.length > 0, "a record");
  await third.close();
  expect(textsOf(third.collector)).toEqual(["last"]);
});

test("with an endpoint, a partition without a position is read from the beginning", async () => {
  const { name: topic } = CASE_EVENTS_TOPIC;
  await send(topic, "wanted");
  const { collector, close } = await open(topic, [ENDPOINT]);
  await collector.until(() => collector.records.length > 0, "a record");
  await close();
  expect(textsOf(collector)).toEqual(["wanted"]);
});
