import { Consumer, Producer, stringSerializer } from "@platformatic/kafka";
import type { BenchRecord } from "./make-payments.js";
import { serveWorker } from "./serve-worker.js";

/**
 * @platformatic/kafka as its README describes it: one `producer.send` per message, all concurrently, and a stream of
 *   messages. Arguments: the brokers, comma-separated, and `idempotent` for the producer's setting.
 */

/** Interval between commits: the default of kafkajs. */
const COMMIT_EVERY_MS = 5_000;

const [brokers = "", setting = ""] = process.argv.slice(2);
const connection = { clientId: "platformatic", bootstrapBrokers: brokers.split(",") };
const producer = new Producer<string, Buffer, string, string>({
  ...connection,
  autocreateTopics: false,
  // Allows one pending request, like kafkajs.
  idempotent: setting === "idempotent",
  serializers: {
    key: stringSerializer,
    value: (value) => value,
    headerKey: stringSerializer,
    headerValue: stringSerializer,
  },
});

const messageOf = (topic: string, { key, value, headers }: BenchRecord) => ({
  topic,
  key,
  value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  headers: { ...headers },
});

serveWorker({
  async send(topic, record) {
    await producer.send({ acks: -1, messages: [messageOf(topic, record)] });
  },
  async sendMany(topic, records) {
    await producer.send({ acks: -1, messages: records.map((record) => messageOf(topic, record)) });
  },
  async consume(topic, group, handle) {
    const consumer = new Consumer({ ...connection, groupId: group });
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: COMMIT_EVERY_MS });
    const read = async () => {
      for await (const _message of stream) await handle(1);
    };
    const reading = read();
    return async () => {
      await stream.close();
      await reading;
      await consumer.close();
    };
  },
});
