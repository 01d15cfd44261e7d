import { patchFetchResponse } from "@tripline/kafka/consumer/fetch/patch-fetch-response";
import { patchProduceRequest } from "@tripline/kafka/producer/patch-produce-request";
import { pickPartition } from "@tripline/kafka/producer/pick-partition";
import type { Producer } from "kafkajs";
import { Kafka, logLevel } from "kafkajs";
import type { BenchContext } from "../../harness/bench-context.js";
import { ownCpu, processTreeCpu } from "../../harness/cpu-meter.js";
import type { Contestant } from "../../harness/run-contestants.js";
import { kafkaPid } from "../system/read-services.js";

const TOPIC = "floor";
const PARTITIONS = 6;
/** Records of one request; larger requests do not make a record cheaper. */
const REQUEST_RECORDS = 500;
const ROUND_REQUESTS = 40;
/** About what a feature vector takes, the largest of the three messages on the way. */
const VALUE_BYTES = 950;
const KEY_BYTES = 35;
const FETCH_BYTES = 1_048_576;
const FETCH_MS = 100;

/**
 * Produce and fetch of messages in large batches, with what they cost the broker: kafkajs with the encoding and decoding
 * of packages/kafka, which is cheaper than its own, and nothing around it.
 */
export async function kafkaFloor(
  context: BenchContext,
  share: number,
): Promise<{ produce: Contestant; fetch: Contestant }> {
  patchProduceRequest();
  patchFetchResponse();
  const brokers = await context.kafka();
  const meters = [ownCpu(), processTreeCpu("broker", kafkaPid(context))];
  const kafka = new Kafka({ brokers, clientId: "floor", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }] });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: pickPartition });
  await producer.connect();
  const consumer = new CountingConsumer(kafka);
  context.defer(() => producer.disconnect());
  context.defer(() => consumer.close());
  const requests = Math.max(2, Math.round(ROUND_REQUESTS * share));
  const produce: Contestant = {
    name: "produce",
    meters,
    run: async () => ({ operations: await produceRequests(producer, requests) }),
  };
  const fetch: Contestant = {
    name: "fetch",
    meters,
    async prepare() {
      await consumer.open();
    },
    // The records that the round of `produce` before this one left in the topic.
    run: async () => ({ operations: await consumer.take(requests * REQUEST_RECORDS) }),
  };
  return { produce, fetch };
}

const VALUE = Buffer.alloc(VALUE_BYTES, 7);

async function produceRequests(producer: Producer, requests: number): Promise<number> {
  for (let request = 0; request < requests; request += 1) {
    const messages = Array.from({ length: REQUEST_RECORDS }, (_, index) => ({
      key: String(request * REQUEST_RECORDS + index).padStart(KEY_BYTES, "0"),
      value: VALUE,
    }));
    await producer.send({ topic: TOPIC, messages, acks: -1 });
  }
  return requests * REQUEST_RECORDS;
}

/** Reads only when asked to, so that no other round includes its fetches. */
class CountingConsumer {
  readonly #consumer: ReturnType<Kafka["consumer"]>;
  #seen = 0;
  #wanted = 0;
  #isOpen = false;
  #reached: () => void = () => {};

  constructor(kafka: Kafka) {
    this.#consumer = kafka.consumer({
      groupId: TOPIC,
      minBytes: 1,
      maxWaitTimeInMs: FETCH_MS,
      maxBytesPerPartition: FETCH_BYTES,
    });
  }

  async open(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    const joined = new Promise<void>((resolve) => this.#consumer.on("consumer.group_join", () => resolve()));
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        this.#seen += batch.messages.length;
        if (this.#seen >= this.#wanted) this.#stop();
      },
    });
    await joined;
  }

  /** Waits until that many more records were read. */
  async take(count: number): Promise<number> {
    this.#wanted += count;
    this.#consumer.resume([{ topic: TOPIC }]);
    await new Promise<void>((resolve) => {
      this.#reached = resolve;
      if (this.#seen >= this.#wanted) this.#stop();
    });
    return count;
  }

  #stop(): void {
    this.#consumer.pause([{ topic: TOPIC }]);
    this.#reached();
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#consumer.disconnect();
  }
}
