import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS } from "@tripline/contracts/headers";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Producer } from "kafkajs";
import { connectKafka } from "../connect-kafka.js";
import { clientOpener } from "../open-client.js";
import type {
  ConsumerObserver,
  ConsumerOptions,
  EventConsumer,
  EventProducer,
  Kafka,
  KafkaAdmin,
  RecordBatch,
} from "../port.js";
import { BatchCollector } from "../testing/batch-collector.js";
import { TestResources } from "../testing/test-resources.js";

const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let brokers: string[];
let topicPrefix: string;
let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;
let endRaw: () => Promise<void>;
let raw: Producer;

/** Separate topics for each test, so that none reads the records of another. */
beforeEach(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer();
  const client = clientOpener({ brokers, clientId: "raw", log: () => {} })({ requestMsMax: 5_000, retry: {} });
  raw = client.kafka.producer();
  await raw.connect();
  endRaw = async () => {
    await raw.disconnect();
    client.destroy();
  };
});

afterEach(async () => {
  await Promise.all([resources.close(), producer.close(), admin.close(), endRaw()]);
});

async function consume(options: ConsumerOptions): Promise<EventConsumer> {
  return resources.keep(await kafka.consume(options));
}

/** Sends records to a partition that the test chooses. */
async function put(partition: number, ...texts: string[]): Promise<void> {
  const messages = texts.map((text) => ({ partition, key: `key-${partition}`, value: text }));
  await raw.send({ topic: `${topicPrefix}features`, messages });
}

const texts = ({ records }: Pick<RecordBatch, "records">) => records.map(({ value }) => value.toString());
const count = (from: number, to: number) => [...Array(to - from).keys()].map((index) => `${from + index}`);
const gate = () => {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
};

test("dead-letters an unreadable record with all its bytes; the rest of its batch and partition continue", async () => {
  const poison = Buffer.from([0xff, 0x00, 0xfe]);
  const key = Buffer.from([0xc3, 0x28]);
  await put(0, ...count(0, 5));
  const message = { partition: 0, key, value: poison, headers: { traceparent: "00-ab", odd: Buffer.from([0xff]) } };
  await raw.send({ topic: `${topicPrefix}features`, messages: [message] });
  await put(0, ...count(6, 20));

  const collector = new BatchCollector(({ records }) => {
    if (records.some(({ value }) => value.equals(poison))) throw new TriplineError("message-unreadable", "not ours");
  });
  const lags: (number | undefined)[] = [];
  const deadLettered: string[] = [];
  const observer: ConsumerObserver = {
    lag(topic, partition, records) {
      if (`${topic}/${partition}` === "features/0") lags.push(records);
    },
    deadLetter(topic, code) {
      deadLettered.push(`${topic} ${code}`);
    },
    failing() {},
  };
  const options = { group: "poison", topics: ["features"], handle: collector.handle, observer, onStop };
  const consumer = await consume(options);
  await collector.untilRecords(19);
  expect(texts(collector)).toEqual([...count(0, 5), ...count(6, 20)]);
  await put(0, "later");
  await collector.untilRecords(20);
  await consumer.close();
  expect((await admin.committedOffsets("poison", "features")).get(0)).toBe(21);
  expect(deadLettered).toEqual(["features message-unreadable"]);
  expect(lags.slice(-2)).toEqual([0, undefined]);

  const letters = new BatchCollector();
  const reader = await consume({ group: "letters", topics: ["features.dlq"], handle: letters.handle, onStop });
  await letters.untilRecords(1);
  await reader.close();
  const [letter] = letters.records;
  expect(letter?.value.equals(poison)).toBe(true);
  expect(letter?.headers).toMatchObject({
    traceparent: "00-ab",
    [DEAD_LETTER_HEADERS.code]: "message-unreadable",
    [DEAD_LETTER_HEADERS.message]: "not ours",
    [DEAD_LETTER_HEADERS.topic]: "features",
    [DEAD_LETTER_HEADERS.partition]: "0",
    [DEAD_LETTER_HEADERS.offset]: "5",
    [DEAD_LETTER_HEADERS.group]: "poison",
  });
  // Bytes that are not UTF-8 are visible only in the raw record.
  const odd = [Buffer.from("odd"), Buffer.from([0xff])];
  expect(Reflect.get(letter ?? {}, "raw")).toMatchObject({ key, headers: expect.arrayContaining([odd]) });
});

test("handles batches of several partitions together, and finds a bad record in its own batch", async () => {
  await put(0, "0", "1");
  await put(1, "10", "bad", "11");
  await put(2, "20");
  const witness = new BatchCollector();
  const reading = await consume({ group: "witness", topics: ["features"], handle: witness.handle, onStop });
  const rounds: number[] = [];
  const handled = new BatchCollector();
  const consumer = await consume({
    group: "together",
    topics: ["features"],
    recordsTogetherMax: 100,
    roundsMax: 1,
    async handle(batches) {
      rounds.push(batches.length);
      // Records that the first fetch did not return are available in the second round.
      await witness.untilRecords(6);
      if (batches.flatMap(texts).includes("bad")) throw new TriplineError("message-unreadable", "not ours");
      await handled.handle(batches);
    },
    onStop,
  });
  const letters = new BatchCollector();
  const reader = await consume({ group: "letters", topics: ["features.dlq"], handle: letters.handle, onStop });
  await Promise.all([letters.untilRecords(1), handled.untilRecords(5)]);
  await Promise.all([consumer.close(), reading.close(), reader.close()]);
  expect(Math.max(...rounds)).toBeGreaterThan(1);
  expect(texts(handled).toSorted()).toEqual(["0", "1", "10", "11", "20"]);
  expect(texts(letters)).toEqual(["bad"]);
  const ends = await admin.committedOffsets("together", "features");
  expect([...ends].toSorted()).toEqual([
    [0, 2],
    [1, 3],
    [2, 1],
  ]);
});

test("retries a long fault in one partition until it ends, without delaying other partitions", async () => {
  let isAway = true;
  let tries = 0;
  const collector = new BatchCollector(({ partition }) => {
    if (partition !== 0) return;
    tries += 1;
    if (isAway) throw new TriplineError("redis-unavailable", "away");
  });
  const failing: string[] = [];
  const observer: ConsumerObserver = {
    lag() {},
    deadLetter() {},
    failing: (topic, partition, sinceMs) => void failing.push(`${topic}/${partition} ${sinceMs === undefined}`),
  };
  const options = { group: "retry", topics: ["features"], observer, onStop };
  const consumer = await consume({ ...options, handle: collector.handle });
  await consumer.ready;
  await put(0, "stuck");
  await collector.until(() => tries >= 3, "three tries");
  const before = tries;
  for (const text of count(0, 10)) {
    await put(1, text);
    await collector.until(() => texts(collector).includes(text), `record ${text} of the other partition`);
  }
  // Ten round trips that do not wait for the first partition's retries, which are soon five seconds apart.
  expect(tries - before).toBeLessThan(10);
  expect((await admin.committedOffsets("retry", "features")).get(0)).toBeUndefined();
  expect(failing).toEqual(["features/0 false"]);
  expect(consumer.stuck()).toBeUndefined();
  expect(consumer.stuck(1)).toMatchObject({
    code: "redis-unavailable",
    message: expect.stringMatching(/^Partition \S*features\/0 has been stuck for \d+ s: away\.$/),
  });
  isAway = false;
  await collector.untilRecords(11);
  await consumer.close();
  expect(failing).toEqual(["features/0 false", "features/0 true"]);
  expect(consumer.stuck(0)).toBeUndefined();
  expect((await admin.committedOffsets("retry", "features")).get(0)).toBe(1);
  expect((await admin.endOffsets("features.dlq")).get(0)).toBe(0);
});

test("retries an internal error five times, then dead-letters the record", async () => {
  let tries = 0;
  const collector = new BatchCollector((batch) => {
    if (!texts(batch).includes("bad")) return;
    tries += 1;
    throw new RangeError("a bug");
  });
  await put(0, "bad");
  await put(0, "good");
  const options = { group: "few", topics: ["features"], recordsPerBatchMax: 1, onStop };
  const consumer = await consume({ ...options, handle: collector.handle });
  await collector.untilRecords(1);
  await consumer.close();
  expect(tries).toBe(6);
  expect(texts(collector)).toEqual(["good"]);
  expect((await admin.endOffsets("features.dlq")).get(0)).toBe(1);
});

test("an error with the reaction stop closes the consumer once, and the next consumer gets the record", async () => {
  await put(0, "fine");
  const stops: string[] = [];
  const collector = new BatchCollector((batch) => {
    if (texts(batch).includes("unreadable")) throw new TriplineError("state-unreadable", "from a newer version");
  });
  const stopped = gate();
  const consumer = await consume({
    group: "stop",
    topics: ["features"],
    handle: collector.handle,
    onStop(error) {
      stops.push(error.code);
      stopped.open();
    },
  });
  await collector.untilRecords(1);
  await Promise.all([put(0, "unreadable"), put(1, "elsewhere")]);
  await stopped.passed;
  expect(stops).toEqual(["state-unreadable"]);
  expect(consumer.isHealthy()).toBe(false);
  await consumer.close();
  expect((await admin.committedOffsets("stop", "features")).get(0)).toBe(1);
  const next = new BatchCollector();
  const successor = await consume({ group: "stop", topics: ["features"], handle: next.handle, onStop });
  await next.until(() => texts(next).includes("unreadable"), "the record that was left");
  await successor.close();
});

test("commits an offset only after its record was handled", async () => {
  const began = gate();
  const finish = gate();
  const collector = new BatchCollector(async ({ partition }) => {
    if (partition !== 0) return;
    began.open();
    await finish.passed;
  });
  const consumer = await consume({ group: "after", topics: ["features"], handle: collector.handle, onStop });
  await put(0, "slow");
  await began.passed;
  await put(1, "quick");
  // Commits are sent in order: by the time the quick record's commit has arrived, one for the slow record would have
  // arrived too.
  let committed = await admin.committedOffsets("after", "features");
  for (let tries = 0; tries < 1_000 && committed.size === 0; tries += 1) {
    committed = await admin.committedOffsets("after", "features");
  }
  expect(committed).toEqual(new Map([[1, 1]]));
  finish.open();
  await consumer.close();
  const both = new Map([
    [0, 1],
    [1, 1],
  ]);
  expect(await admin.committedOffsets("after", "features")).toEqual(both);
});

test("redelivers a record whose handler had not returned when the consumer was closed", async () => {
  await put(0, "hangs");
  const began = gate();
  const hanging = new BatchCollector(() => {
    began.open();
    return new Promise(() => {});
  });
  const first = await consume({ group: "again", topics: ["features"], handle: hanging.handle, onStop });
  await began.passed;
  await first.close();
  const collector = new BatchCollector();
  const second = await consume({ group: "again", topics: ["features"], handle: collector.handle, onStop });
  await collector.untilRecords(1);
  expect(texts(collector)).toEqual(["hangs"]);
  await second.close();
});

test("a handler slower than the session timeout causes neither a rebalance nor a redelivery", async () => {
  const slowMs = 12_000;
  let calls = 0;
  const collector = new BatchCollector(async ({ partition }) => {
    calls += 1;
    if (partition === 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
  });
  const consumer = await consume({ group: "slow", topics: ["features"], handle: collector.handle, onStop });
  await put(0, "slow");
  await collector.untilRecords(1);
  expect(consumer.isHealthy()).toBe(true);
  await consumer.close();
  expect(calls).toBe(1);
  expect((await admin.committedOffsets("slow", "features")).get(0)).toBe(1);
});

test("rejects the wait for partitions if the consumer is closed before it has any", async () => {
  const nowhere = connectKafka({ brokers: ["127.0.0.1:1"], clientId: "test" });
  const options = { group: "g", topics: ["features"], handle: async () => {}, onStop };
  const consumer = resources.keep(await nowhere.consume(options));
  expect(consumer.isHealthy()).toBe(false);
  await Promise.all([consumer.close(), expect(consumer.ready).rejects.toMatchObject({ code: "shutting-down" })]);
});
