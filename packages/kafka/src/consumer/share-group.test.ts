import { testStack } from "@tripline/local-stack/test-stack";
import { BatchCollector } from "../collect-batches.js";
import { connectKafka } from "../connect-kafka.js";
import { FailingSockets } from "../fail-sockets.js";
import { clientOpener } from "../open-client.js";
import type { EventProducer, KafkaAdmin } from "../port.js";
import { consumeTopics } from "./consume-topics.js";

const KEYS = 60;
const log = () => {};
const onStop = (error: Error) => {
  throw error;
};

let brokers: string[];
let topicPrefix: string;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeAll(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  const kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer();
});

afterAll(async () => {
  await Promise.all([admin.close(), producer.close()]);
});

/** One record for each of so many keys that every partition gets some. */
async function sendRound(round: string): Promise<string[]> {
  const texts = [...Array(KEYS).keys()].map((key) => `${round}-${key}`);
  await producer.send(
    texts.map((text, key) => ({ topic: "features", key: `key-${key}`, value: Buffer.from(text), headers: {} })),
  );
  return texts;
}

function member(collector: BatchCollector) {
  const sockets = new FailingSockets();
  const openClient = clientOpener({ brokers, clientId: "test", log, openSocket: sockets.open });
  const options = { group: "shared", topics: ["features"], handle: collector.handle, onStop };
  return { consumer: consumeTopics({ openClient, topicPrefix, log }, options), sockets };
}

const partitionsOf = ({ records }: BatchCollector) => new Set(records.map(({ partition }) => partition)).size;

test("two members share the partitions, and the other takes over when one leaves or is cut off", async () => {
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
