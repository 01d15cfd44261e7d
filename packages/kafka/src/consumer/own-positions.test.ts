import { once } from "node:events";
import { TriplineError } from "@tripline/contracts/error-table";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Admin, Producer } from "kafkajs";
import { connectKafka } from "../connect-kafka.js";
import { clientOpener } from "../open-client.js";
import type { ConsumerOptions, EventConsumer, Kafka, KafkaAdmin, Log, OwnPositions } from "../port.js";
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
let raw: Producer;
let rawAdmin: Admin;
let endRaw: () => Promise<void>;

beforeEach(async () => {
  const stack = await testStack();
  ({ kafkaBrokers: brokers, topicPrefix } = stack);
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  const open = clientOpener({ brokers, clientId: "raw", log: () => {} });
  const client = open({ requestMsMax: 5_000, retry: {} });
  raw = client.kafka.producer();
  rawAdmin = client.kafka.admin();
  await Promise.all([raw.connect(), rawAdmin.connect()]);
  endRaw = async () => {
    await Promise.all([raw.disconnect(), rawAdmin.disconnect()]);
    client.destroy();
  };
});

afterEach(async () => {
  await Promise.all([resources.close(), admin.close(), endRaw()]);
});

async function put(partition: number, ...texts: string[]): Promise<void> {
  await raw.send({ topic: `${topicPrefix}labels`, messages: texts.map((value) => ({ partition, value })) });
}

async function consume(options: Omit<ConsumerOptions, "topics" | "onStop">): Promise<EventConsumer> {
  return resources.keep(await kafka.consume({ topics: ["labels"], onStop, ...options }));
}

const count = (from: number, to: number) => [...Array(to - from).keys()].map((index) => `${from + index}`);
const textsOf = ({ records }: Pick<BatchCollector, "records">, partition = 0) =>
  records.filter((record) => record.partition === partition).map(({ value }) => value.toString());
const has = (collector: BatchCollector, text: string) =>
  collector.until(() => textsOf(collector).includes(text), `record ${text}`);

/** Keeps a test's positions in a map. */
class Positions implements OwnPositions {
  readonly at = new Map<number, number>();
  readonly begun: number[] = [];
  readonly letters: string[] = [];

  async begin(_topic: string, partition: number): Promise<number> {
    this.begun.push(partition);
    return this.at.get(partition) ?? 0;
  }

  deadLettered(topic: string, partition: number, offset: number): void {
    this.letters.push(`${topic}/${partition}@${offset}`);
  }
}

test.each([
  ["before", 2],
  ["after", 7],
])("starts a partition at the handler's position, even %s the group's committed offset", async (_where, offset) => {
  await put(0, ...count(0, 10));
  const before = new BatchCollector();
  const committing = await consume({ group: "own", recordsPerBatchMax: 5, handle: before.handle });
  await has(before, "9");
  await committing.close();
  await rawAdmin.setOffsets({
    groupId: `${topicPrefix}own`,
    topic: `${topicPrefix}labels`,
    partitions: [{ partition: 0, offset: "5" }],
  });

  const positions = new Positions();
  positions.at.set(0, offset);
  const collector = new BatchCollector();
  const consumer = await consume({ group: "own", handle: collector.handle, positions });
  await has(collector, "9");
  expect(textsOf(collector)).toEqual(count(offset, 10));
  expect(positions.begun.sort()).toEqual([0, 1, 2, 3, 4, 5]);
  await consumer.close();
  expect((await admin.committedOffsets("own", "labels")).get(0)).toBe(5);
});

test("commits only offsets that the handler reports, of partitions that exist", async () => {
  await put(0, ...count(0, 10));
  await put(1, ...count(0, 10));
  const collector = new BatchCollector();
  const consumer = await consume({ group: "positions", handle: collector.handle, positions: new Positions() });
  await collector.untilRecords(20);
  consumer.commit("labels", 0, 7);
  consumer.commit("labels", 99, 7);
  consumer.commit("features", 0, 7);
  await consumer.close();
  expect(await admin.committedOffsets("positions", "labels")).toEqual(new Map([[0, 7]]));
});

test("reports a dead letter in its order among the others", async () => {
  await put(0, ...count(0, 4), "poison", ...count(5, 8));
  const positions = new Positions();
  const seen: string[] = [];
  const collector = new BatchCollector(({ records }) => {
    if (records.some(({ value }) => value.toString() === "poison")) throw new TriplineError("message-unreadable", "no");
    seen.push(...records.map(({ value }) => value.toString()), ...positions.letters.splice(0));
  });
  await consume({ group: "dead-lettered", handle: collector.handle, positions });
  await has(collector, "7");
  // The dead letter is reported before the next record is handled.
  expect(seen.filter((text) => !text.startsWith("labels"))).toEqual([...count(0, 4), ...count(5, 8)]);
  expect(seen.indexOf("labels/0@4")).toBeGreaterThan(seen.indexOf("3"));
  expect((await admin.endOffsets("labels.dlq")).get(0)).toBe(1);
});

test("requests an unavailable position again, while other partitions continue", async () => {
  await put(0, ...count(0, 3));
  await put(1, "other");
  const events = new EventTarget();
  const thirdTry = once(events, "third try");
  const positions = new Positions();
  let isAway = true;
  let tries = 0;
  const begin = async (topic: string, partition: number) => {
    if (partition === 0) tries += 1;
    if (tries === 3) events.dispatchEvent(new Event("third try"));
    if (partition === 0 && isAway) throw new TriplineError("database-unavailable", "away");
    return positions.begin(topic, partition);
  };
  const collector = new BatchCollector();
  const own = { begin, deadLettered: () => {} };
  await consume({ group: "away", handle: collector.handle, positions: own });
  await collector.until(() => textsOf(collector, 1).length === 1, "the other partition");
  await thirdTry;
  expect(textsOf(collector)).toEqual([]);
  isAway = false;
  await has(collector, "2");
  expect(textsOf(collector)).toEqual(count(0, 3));
});

test("a position error with the reaction stop closes the consumer", async () => {
  const events = new EventTarget();
  const stopped = once(events, "stop");
  const begin = async () => {
    throw new TriplineError("state-unreadable", "from a newer version");
  };
  const consumer = await kafka.consume({
    group: "stop",
    topics: ["labels"],
    handle: async () => {},
    positions: { begin, deadLettered: () => {} },
    onStop: () => events.dispatchEvent(new Event("stop")),
  });
  resources.keep(consumer);
  await stopped;
  expect(consumer.isHealthy()).toBe(false);
});

test("starts with the oldest available record if those at the position are gone", async () => {
  await put(0, ...count(0, 10));
  // Makes kafkajs look up the partitions' leaders.
  await rawAdmin.fetchTopicOffsets(`${topicPrefix}labels`);
  await rawAdmin.deleteTopicRecords({ topic: `${topicPrefix}labels`, partitions: [{ partition: 0, offset: "6" }] });
  const positions = new Positions();
  positions.at.set(0, 3);
  const collector = new BatchCollector();
  await consume({ group: "gone", handle: collector.handle, positions });
  await has(collector, "9");
  expect(textsOf(collector)).toEqual(count(6, 10));
});

test("requests the position of a reassigned partition again, after its running handler has ended", async () => {
  await put(0, ...count(0, 3));
  const gate = new EventTarget();
  const began = once(gate, "began");
  const opened = once(gate, "open");
  let isRunning = false;
  const order: string[] = [];
  const collector = new BatchCollector(async ({ partition }) => {
    if (partition !== 0) return;
    if (isRunning) return;
    isRunning = true;
    gate.dispatchEvent(new Event("began"));
    await opened;
    order.push("handled");
  });
  let asked = 0;
  const positions: OwnPositions = {
    async begin(_topic, partition) {
      if (partition === 0) order.push(`begin ${asked++}`);
      return 0;
    },
    deadLettered: () => {},
  };
  // It gets its initial partitions, then fewer when another member joins, and all of them when that member has left.
  let assignments = 0;
  const third = once(gate, "third assignment");
  const log: Log = (_level, message) => {
    if (message === "consumer: partitions assigned") assignments += 1;
    if (assignments === 3) gate.dispatchEvent(new Event("third assignment"));
  };
  const watched = connectKafka({ brokers, clientId: "test", topicPrefix, log });
  const options = { group: "back", topics: ["labels"], handle: collector.handle, positions, onStop };
  const first = resources.keep(await watched.consume(options));
  await began;
  // A second member joins and leaves: the first gets its partitions back while its handler is still running.
  const second = await consume({ group: "back", handle: async () => {}, positions: new Positions() });
  await second.ready;
  await second.close();
  await third;
  await put(1, "after");
  await collector.until(() => textsOf(collector, 1).includes("after"), "all partitions again");
  expect(order).toEqual(["begin 0"]);
  gate.dispatchEvent(new Event("open"));
  await collector.until(() => textsOf(collector).length >= 6, "the records again");
  expect(order[1]).toBe("handled");
  expect(order[2]).toBe("begin 1");
  expect(textsOf(collector)).toEqual([...count(0, 3), ...count(0, 3)]);
  await first.close();
});
