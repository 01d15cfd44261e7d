import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { connectKafka } from "./connect-kafka.js";
import type { EventProducer } from "./port.js";
import { BatchCollector } from "./testing/batch-collector.js";
import { TestResources } from "./testing/test-resources.js";

const KEYS = 20;
const RESTARTS_MS_MAX = 400_000;
/** Less than the session timeout of a group member. */
const RECOVERY_MS_MAX = 9_000;
const TRIES_MAX = 4;
/**
 * On an idle machine, a send is rejected after two seconds. The limit only has to rule out retries by kafkajs itself,
 * which last half a minute.
 */
const REFUSAL_MS_MAX = 25_000;
const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let directory: string;
let stack: LocalStack;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-restart-"));
  stack = await startStack({ directory, parts: ["kafka"], isDurable: false });
}, RESTARTS_MS_MAX);

afterAll(async () => {
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}, RESTARTS_MS_MAX);

afterEach(() => resources.close());

/** Sends numbered records, one after the other per key, until it is stopped; a rejected record is sent again. */
class SteadySender {
  readonly acknowledged: string[] = [];
  refused = 0;
  refusalMsMax = 0;
  #isEnding = false;
  readonly #done: Promise<unknown>;

  constructor(private readonly producer: EventProducer) {
    this.#done = Promise.all([...Array(KEYS).keys()].map((key) => this.#sendKey(`key-${key}`)));
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    await this.#done;
  }

  async #sendKey(key: string): Promise<void> {
    for (let index = 0; !this.#isEnding; ) {
      const value = Buffer.from(`${key}:${index}`);
      const startedMs = performance.now();
      try {
        await this.producer.send([{ topic: "transactions", key, value, headers: {} }]);
        this.acknowledged.push(`${key}:${index}`);
        index += 1;
      } catch {
        this.refused += 1;
        this.refusalMsMax = Math.max(this.refusalMsMax, performance.now() - startedMs);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const indexOf = (text: string) => Number(text.split(":")[1]);

const OUTAGES = [
  ["stop", 0],
  // Longer than a group member's session timeout. The consumer must not wait for that timeout again.
  ["kill", 11_000],
] as const;
const SHORT_KILL = ["kill", 0] as const;

test.each(process.env.LONG_TESTS === "all" ? [...OUTAGES, SHORT_KILL] : OUTAGES)(
  "loses no acknowledged record and recovers from a %s of the broker that lasts %d ms longer than its restart",
  async (how, awayMs) => {
    const topicPrefix = `${how}-${awayMs}.`;
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix });
    const admin = resources.keep(await kafka.admin());
    await admin.ensureTopics();
    const producer = resources.keep(await kafka.producer());
    const collector = new BatchCollector();
    const options = { group: "survivor", topics: ["transactions"], handle: collector.handle, onStop };
    const consumer = resources.keep(await kafka.consume(options));
    await consumer.ready;
    const sender = resources.keep(new SteadySender(producer));
    await collector.untilRecords(200);

    const recover = async (): Promise<number> => {
      await stack.kafka[how]();
      const down = { topic: "transactions", key: "down", value: Buffer.from("down:0"), headers: {} };
      await expect(producer.send([down])).rejects.toMatchObject({ code: "kafka-unavailable" });
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      await stack.kafka.start();
      const startedMs = performance.now();
      const before = collector.records.length;
      await collector.until(() => collector.records.length > before + 200, "records after the restart");
      return performance.now() - startedMs;
    };
    // A busy machine may need longer once. A consumer that waits for the session timeout always does.
    let tries = 1;
    while ((await recover()) >= RECOVERY_MS_MAX && tries < TRIES_MAX) tries += 1;
    expect(tries).toBeLessThan(TRIES_MAX);
    await sender.close();
    const isComplete = () => {
      const received = new Set(collector.records.map(({ value }) => value.toString()));
      return sender.acknowledged.every((text) => received.has(text));
    };
    await collector.until(isComplete, "every acknowledged record");

    expect(sender.refused).toBeGreaterThan(0);
    expect(sender.refusalMsMax).toBeLessThan(REFUSAL_MS_MAX);
    // Fetching needs no group: records may arrive before the coordinator confirms the membership.
    while (!consumer.isHealthy()) await new Promise((resolve) => setTimeout(resolve, 50));
    // A record may be duplicated, but the first occurrences of each key are in order.
    for (const records of Map.groupBy(collector.records, ({ key }) => key).values()) {
      const firsts = [...new Set(records.map(({ value }) => value.toString()))];
      expect(firsts.map(indexOf)).toEqual([...firsts.keys()]);
    }
  },
  RESTARTS_MS_MAX,
);

test(
  "producer and consumer can start before Kafka",
  async () => {
    await stack.kafka.stop();
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: "early." });
    const collector = new BatchCollector();
    const options = { group: "early", topics: ["labels"], handle: collector.handle, onStop };
    const consumer = resources.keep(await kafka.consume(options));
    const producer = resources.keep(await kafka.producer());
    const admin = resources.keep(await kafka.admin());
    await expect(admin.clusterId()).rejects.toMatchObject({ code: "kafka-unavailable" });
    expect(consumer.isHealthy()).toBe(false);
    await stack.kafka.start();
    await admin.ensureTopics();
    await consumer.ready;
    await producer.send([{ topic: "labels", key: "k", value: Buffer.from("first"), headers: {} }]);
    await collector.untilRecords(1);
    expect(consumer.isHealthy()).toBe(true);
  },
  RESTARTS_MS_MAX,
);
