import type { Consumer, Producer } from "kafkajs";
import { Kafka, logLevel, Partitioners } from "kafkajs";

/** Equals the number of partitions, so that messages of different partitions are handled concurrently. */
const PARTITIONS_AT_ONCE = 6;
/** A fetch returns as soon as there are records; only an idle one waits this long. */
const FETCH_MS_MAX = 100;

export async function connectProducer(brokers: readonly string[], clientId: string): Promise<Producer> {
  const kafka = new Kafka({ brokers: [...brokers], clientId, logLevel: logLevel.WARN });
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  await producer.connect();
  return producer;
}

/** One message at a time per partition, as in the first example of kafkajs' documentation: `eachMessage`. */
export async function consumeEach(
  brokers: readonly string[],
  group: string,
  topic: string,
  handle: (value: string) => Promise<void>,
): Promise<Consumer> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: group, logLevel: logLevel.WARN });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: FETCH_MS_MAX });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
    eachMessage: async ({ message }) => handle(String(message.value)),
  });
  return consumer;
}
