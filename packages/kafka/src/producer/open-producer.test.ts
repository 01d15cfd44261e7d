import { TOPICS } from "@tripline/contracts/topics";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { testStack } from "@tripline/local-stack/testing/stack";
import { AdministeredKafka } from "../administered-kafka.js";
import type { ClientLibrary } from "../client/client-library.js";
import { platformaticLibrary } from "../client/platformatic/platformatic-library.js";
import { connectKafka } from "../connect-kafka.js";
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
  return { library: platformaticLibrary({ brokers, clientId: "test", onSocket: sockets.adopt }), topicPrefix, log };
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

test("stores the records that it acknowledges after a lost response, not treating them as duplicates", async () => {
  const sockets = new FailingSockets();
  const producer = resources.keep(await openProducer(options(sockets)));
  await producer.send([record("before")]);
  sockets.mute();
  await expect(producer.send([record("answer lost")])).rejects.toMatchObject({ code: "kafka-unavailable" });
  sockets.unmute();
  // kafkajs itself would send this with the sequence number of the lost record; the broker would acknowledge and drop
  // it.
  await producer.send([record("after")]);
  await producer.close();
  const texts = await read("lost-answer", "features", "after");
  expect(texts[0]).toBe("before");
  expect(texts).toContain("answer lost");
  expect(texts.at(-1)).toBe("after");
});

test("replaces a producer that Kafka no longer accepts, and continues the send with the new one", async () => {
  let opened = 0;
  const { library, ...rest } = options();
  const failingOnce: ClientLibrary = {
    ...library,
    producer(clientOptions) {
      opened += 1;
      const producer = library.producer(clientOptions);
      if (opened > 1) return producer;
      const send = async () => {
        throw Object.assign(new Error("injected"), { apiId: "OUT_OF_ORDER_SEQUENCE_NUMBER" });
      };
      return { ...producer, send };
    },
  };
  const producer = resources.keep(await openProducer({ ...rest, library: failingOnce }));
  await producer.send([record("through", "transactions")]);
  expect(opened).toBe(2);
  expect(await read("replaced", "transactions", "through")).toEqual(["through"]);
});

test("rejects concurrent sends together if Kafka is unavailable, and leaves nothing running", async () => {
  const library = platformaticLibrary({ brokers: ["127.0.0.1:1"], clientId: "test" });
  const producer = resources.keep(await openProducer({ library, topicPrefix: "", log }));
  const startedMs = performance.now();
  const rejectedMs: number[] = [];
  const sends = [1, 2, 3].map((index) =>
    producer.send([record(`${index}`)]).finally(() => rejectedMs.push(performance.now() - startedMs)),
  );
  for (const send of sends) await expect(send).rejects.toMatchObject({ code: "kafka-unavailable" });
  const [first = 0, , last = 0] = rejectedMs;
  expect(first).toBeGreaterThan(1_500);
  // One after another, they would take three times as long.
  expect(last).toBeLessThan(2 * first);
  await producer.close();
  await expect(producer.send([record("late")])).rejects.toMatchObject({ code: "shutting-down" });
});

test("rejects sends beyond the limit with queue-full, and stores the accepted ones", async () => {
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
  const openClient = clientOpener({ brokers: stack.kafkaBrokers, clientId: "test", log });
  const client = openClient({ requestMsMax: 5_000, retry: {} });
  const admin = client.kafka.admin();
  const configEntries = [{ name: "max.message.bytes", value: "1000" }];
  // kafkajs's own wait fails if a broker does not know the topic yet.
  await admin.createTopics({ topics: [{ topic: `${topicPrefix}small`, configEntries }], waitForLeaders: false });
  await admin.disconnect();
  client.destroy();
  const topics = [{ ...TOPICS.labels, name: "small", partitions: 1 }];
  await resources
    .keep(
      new AdministeredKafka({ cluster: { brokers: stack.kafkaBrokers, clientId: "test" }, topicPrefix, log, topics }),
    )
    .ensureTopics();

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
