import { TriplineError } from "@tripline/contracts/error-table";
import { testStack } from "@tripline/local-stack/testing/stack";
import { platformaticLibrary } from "../client/platformatic/platformatic-library.js";
import { connectKafka } from "../connect-kafka.js";
import type { EventProducer, KafkaAdmin, Log } from "../port.js";
import { BatchCollector } from "../testing/batch-collector.js";
import { FailingSockets } from "../testing/failing-sockets.js";
import { TestResources } from "../testing/test-resources.js";
import { consumeTopics } from "./consume-topics.js";

const KEYS = 60;
const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let brokers: string[];
let topicPrefix: string;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeEach(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  const kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer();
});

afterEach(async () => {
  await Promise.all([resources, admin, producer].map((each) => each.close()));
});

/** One record for each of enough keys to reach every partition. */
async function sendRound(round: string): Promise<string[]> {
  const texts = [...Array(KEYS).keys()].map((key) => `${round}-${key}`);
  await producer.send(
    texts.map((text, key) => ({ topic: "features", key: `key-${key}`, value: Buffer.from(text), headers: {} })),
  );
  return texts;
}

function member(collector: BatchCollector, group = "shared", log: Log = () => {}) {
  const sockets = new FailingSockets();
  const library = platformaticLibrary({ brokers, clientId: "test", onSocket: sockets.adopt });
  const options = { group, topics: ["features", "labels"], handle: collector.handle, onStop };
  const consumer = resources.keep(consumeTopics({ library, topicPrefix, log }, options));
  return { consumer, sockets };
}

/** Resolves when the member has got its partitions for the nth time. */
function assignments(nth: number): { log: Log; reached: Promise<void> } {
  let seen = 0;
  let reach: () => void = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const log: Log = (_, message) => {
    if (message === "consumer: partitions assigned") seen += 1;
    if (seen === nth) reach();
  };
  return { log, reached };
}

const partitionsOf = ({ records }: BatchCollector) => new Set(records.map(({ partition }) => partition)).size;

test("two members share the partitions, and one takes over if the other leaves or is cut off", async () => {
  const handled = new Set<string>();
  const all = (texts: string[]) => () => texts.every((text) => handled.has(text));
  const collector = () =>
    new BatchCollector(({ records }) => {
      for (const { value } of records) handled.add(value.toString());
    });
  const collectors = [collector(), collector(), collector()] as const;

  const first = member(collectors[0]);
  await first.consumer.ready;
  await collectors[0].until(all(await sendRound("alone")), "all records at the only member");
  const second = member(collectors[1]);
  await second.consumer.ready;
  const shared = await sendRound("shared");
  await collectors[1].untilRecords(1);
  await Promise.race([
    collectors[0].until(all(shared), "all records"),
    collectors[1].until(all(shared), "all records"),
  ]);
  expect(partitionsOf(collectors[1])).toBe(3);

  await first.consumer.close();
  await collectors[1].until(all(await sendRound("left")), "all records after one left");

  const third = member(collectors[2]);
  await third.consumer.ready;
  second.sockets.cut();
  await collectors[2].until(all(await sendRound("cut off")), "all records after one was cut off");
  expect(third.consumer.isHealthy()).toBe(true);
  expect(second.consumer.isHealthy()).toBe(false);
  await Promise.all([second.consumer.close(), third.consumer.close()]);
  for (const each of collectors) expect(each.overlapMax).toBe(1);
  expect(await admin.committedOffsets("shared", "features")).toEqual(await admin.endOffsets("features"));
});

test("a handler that outlasts two rebalances is called neither in parallel nor twice for a record", async () => {
  const blocked = await sendRound("blocked");
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const began = new Set<number>();
  let beginAll: () => void = () => {};
  const allBegan = new Promise<void>((resolve) => {
    beginAll = resolve;
  });
  const collector = new BatchCollector(async ({ topic, partition }) => {
    // Not all partitions: only six are handled at a time, and the probe needs one.
    if (topic !== "features" || partition > 2) return;
    if (began.add(partition).size === 3) beginAll();
    await released;
  });
  // It gets its initial partitions, then fewer when another member joins, and all of them when that member has left.
  const { log, reached } = assignments(3);
  const first = member(collector, "outlast", log);
  await first.consumer.ready;
  const probe = async (text: string) => {
    await producer.send([{ topic: "labels", key: "probe", value: Buffer.from(text), headers: {} }]);
    await collector.until(() => collector.records.some(({ value }) => value.toString() === text), text);
  };
  await allBegan;
  const idle = new BatchCollector(() => {
    throw new TriplineError("redis-unavailable", "handles nothing");
  });
  const second = member(idle, "outlast");
  await second.consumer.ready;
  await second.consumer.close();
  await reached;
  const late = await sendRound("late");
  // A fetch returns all partitions and arrives after the previous one was accepted, so after the third, all records
  // have certainly arrived.
  for (const text of ["once", "twice", "three times"]) await probe(text);
  release();
  const texts = () =>
    collector.records.filter(({ topic }) => topic === "features").map(({ value }) => value.toString());
  await collector.until(() => late.every((text) => texts().includes(text)), "the late records");
  expect(collector.overlapMax).toBe(1);
  expect(
    texts()
      .filter((text) => blocked.includes(text))
      .sort(),
  ).toEqual([...blocked].sort());
  await first.consumer.close();
  expect(await admin.committedOffsets("outlast", "features")).toEqual(await admin.endOffsets("features"));
});
