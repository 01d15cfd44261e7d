import { TOPICS } from "@tripline/contracts/topics";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import { KafkaJSNonRetriableError } from "kafkajs";
import { AdministeredKafka } from "../administered-kafka.js";
import { connectKafka } from "../connect-kafka.js";
import type { OpenClient } from "../open-client.js";
import { clientOpener } from "../open-client.js";
import type { OutgoingRecord } from "../port.js";
import { BatchCollector } from "../testing/batch-collector.js";
import { FailingSockets } from "../testing/failing-sockets.js";
import { TestResources } from "../testing/test-resources.js";
import type { ProducerOptions } from "./open-producer.js";
import { openProducer } from "./open-producer.js";
import { GATHER_LIMITS } from "./send-gatherer.js";

const log = () => {};
const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let stack: TestStack;

beforeAll(async () => {
  stack = await testStack();
  const admin = await connectKafka({
    brokers: stack.kafkaBrokers,
    clientId: "test",
    topicPrefix: stack.topicPrefix,
  }).admin();
  await admin.ensureTopics();
  await admin.close();
});

afterEach(() => resources.close());

const record = (text: string | Buffer, topic = "features"): OutgoingRecord => ({
  topic,
  key: "one key, so one partition",
  value: Buffer.from(text),
  headers: {},
});

function options(sockets = new FailingSockets()): ProducerOptions {
  const { kafkaBrokers: brokers, topicPrefix } = stack;
  return { openClient: clientOpener({ brokers, clientId: "test", log, openSocket: sockets.open }), topicPrefix, log };
}

async function read(group: string, topic: string, until: string): Promise<string[]> {
  const { kafkaBrokers: brokers, topicPrefix } = stack;
  const collector = new BatchCollector();
  const kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  const options = { group, topics: [topic], handle: collector.handle, onStop };
  const consumer = resources.keep(await kafka.consume(options));
  const texts = () => collector.records.map(({ value }) => value.toString());
  await collector.until(() => texts().includes(until), until);
  await consumer.close();
  return texts();
}

test("what is acknowledged after an answer got lost is stored, not taken for a repetition", async () => {
  const sockets = new FailingSockets();
  const producer = resources.keep(await openProducer(options(sockets)));
  await producer.send([record("before")]);
  sockets.mute();
  await expect(producer.send([record("answer lost")])).rejects.toMatchObject({ code: "kafka-unavailable" });
  sockets.unmute();
  // kafkajs by itself would send this under the number of the lost one; the broker would acknowledge and drop it.
  await producer.send([record("after")]);
  await producer.close();
  const texts = await read("lost-answer", "features", "after");
  expect(texts[0]).toBe("before");
  expect(texts).toContain("answer lost");
  expect(texts.at(-1)).toBe("after");
});

test("a producer that Kafka has no use for any more is replaced, and the send goes on with the new one", async () => {
  let opened = 0;
  const { openClient, ...rest } = options();
  const failingOnce: OpenClient = (clientOptions) => {
    const client = openClient(clientOptions);
    opened += 1;
    if (opened > 1) return client;
    const makeProducer = client.kafka.producer.bind(client.kafka);
    const sendBatch = async () => {
      const type = "OUT_OF_ORDER_SEQUENCE_NUMBER";
      throw new KafkaJSNonRetriableError(Object.assign(new Error("injected"), { type }));
    };
    client.kafka.producer = (config) => ({ ...makeProducer(config), sendBatch });
    return client;
  };
  const producer = resources.keep(await openProducer({ ...rest, openClient: failingOnce }));
  await producer.send([record("through", "transactions")]);
  expect(opened).toBe(2);
  expect(await read("replaced", "transactions", "through")).toEqual(["through"]);
});

test("when Kafka is not there a send is refused within about two seconds, and nothing is left running", async () => {
  const openClient = clientOpener({ brokers: ["127.0.0.1:1"], clientId: "test", log });
  const producer = resources.keep(await openProducer({ openClient, topicPrefix: "", log }));
  const startedMs = performance.now();
  const sends = [1, 2, 3].map((index) => producer.send([record(`${index}`)]));
  for (const send of sends) await expect(send).rejects.toMatchObject({ code: "kafka-unavailable" });
  expect(performance.now() - startedMs).toBeGreaterThan(1_500);
  // One after another they would take six, and kafkajs by itself half a minute.
  expect(performance.now() - startedMs).toBeLessThan(5_500);
  await producer.close();
  await expect(producer.send([record("late")])).rejects.toMatchObject({ code: "shutting-down" });
});

test("sends beyond the bound are refused with queue-full; those that were accepted are stored", async () => {
  const limits = { ...GATHER_LIMITS, pendingRecordsMax: 100 };
  const producer = resources.keep(await openProducer({ ...options(), limits }));
  const sends = [...Array(150).keys()].map((index) => producer.send([record(`q${index}`, "labels")]));
  const outcomes = await Promise.allSettled(sends);
  expect(outcomes.slice(0, 100).every(({ status }) => status === "fulfilled")).toBe(true);
  for (const outcome of outcomes.slice(100)) expect(outcome).toMatchObject({ reason: { code: "queue-full" } });
  await producer.send([record("room again", "labels")]);
  await producer.close();
  expect(await read("bound", "labels", "room again")).toHaveLength(101);
});

test("a record that is too large fails alone, whether the client or the broker rejects it", async () => {
  const { topicPrefix } = stack;
  const client = options().openClient({ requestMsMax: 5_000, retry: {} });
  const admin = client.kafka.admin();
  const configEntries = [{ name: "max.message.bytes", value: "1000" }];
  // kafkajs's own waiting ends with an error where a broker has not heard of the topic yet.
  await admin.createTopics({ topics: [{ topic: `${topicPrefix}small`, configEntries }], waitForLeaders: false });
  await admin.disconnect();
  client.destroy();
  const topics = [{ ...TOPICS.labels, name: "small", partitions: 1 }];
  await resources.keep(new AdministeredKafka({ ...options(), topics })).ensureTopics();

  const producer = resources.keep(await openProducer(options()));
  const outcomes = await Promise.allSettled([
    producer.send([record("first", "small")]),
    producer.send([record(Buffer.alloc(5_000, "x"), "small")]),
    producer.send([record("other topic", "decisions")]),
    producer.send([record(Buffer.alloc(1_000_000), "decisions")]),
    producer.send([record("last", "small")]),
  ]);
  expect(outcomes).toMatchObject([
    { status: "fulfilled" },
    { reason: { code: "body-too-large" } },
    { status: "fulfilled" },
    { reason: { code: "body-too-large" } },
    { status: "fulfilled" },
  ]);
  await producer.close();
  expect(await read("small", "small", "last")).toEqual(["first", "last"]);
});
