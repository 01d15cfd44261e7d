import type { Message } from "kafkajs";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import type { BenchRecord } from "./make-payments.js";
import { serveWorker } from "./serve-worker.js";

/**
 * kafkajs as https://kafka.js.org/docs describes it: one `producer.send` per message, all concurrently, and
 * `eachMessage`. Arguments: the brokers, comma-separated, and `idempotent` for the producer's setting.
 */

const [brokers = "", setting = ""] = process.argv.slice(2);
const kafka = new Kafka({ brokers: brokers.split(","), clientId: "plain", logLevel: logLevel.ERROR });
const isIdempotent = setting === "idempotent";
const producer = kafka.producer({
  createPartitioner: Partitioners.DefaultPartitioner,
  allowAutoTopicCreation: false,
  // kafkajs allows an idempotent producer only one pending request.
  ...(isIdempotent ? { idempotent: true, maxInFlightRequests: 1 } : {}),
});
await producer.connect();

const messageOf = ({ key, value, headers }: BenchRecord): Message => ({
  key,
  value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  headers: { ...headers },
});

serveWorker({
  async send(topic, record) {
    await producer.send({ topic, acks: -1, messages: [messageOf(record)] });
  },
  async sendMany(topic, records) {
    await producer.send({ topic, acks: -1, messages: records.map(messageOf) });
  },
  async consume(topic, group, handle) {
    const consumer = kafka.consumer({ groupId: group });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: () => handle(1) });
    return () => consumer.disconnect();
  },
});
