import type { Consumer, KafkaMessage, Message, RetryOptions } from "kafkajs";
import { Partitioners } from "kafkajs";
import type {
  ClientConsumer,
  ClientLibrary,
  ClientOptions,
  ClientProducer,
  ConsumerClientOptions,
  ConsumerEvents,
  FetchedRecord,
  Place,
  StampedRecord,
} from "../client/client-library.js";
import type { ConnectionOptions, OpenClient } from "../open-client.js";
import { clientOpener } from "../open-client.js";

/** Retries for 2 s in total, with the same sequence numbers, so that nothing is stored twice. */
const PRODUCER_RETRY: RetryOptions = {
  initialRetryTime: 50,
  multiplier: 2,
  factor: 0.2,
  maxRetryTime: 300,
  retries: 8,
};
/** Retries for as long as Kafka is unavailable, and keeps its group membership. */
const CONSUMER_RETRY: RetryOptions = { ...PRODUCER_RETRY, maxRetryTime: 500, retries: Number.MAX_SAFE_INTEGER };
const NO_BYTES = Buffer.alloc(0);

/** For tests: another library with the same interface. It has no zstd, and decompresses gzip without a limit. */
export function kafkajsLibrary(cluster: ConnectionOptions): ClientLibrary {
  const openClient = clientOpener(cluster);
  return {
    producer: (options) => producerOf(openClient, options),
    consumer: (options, events) => consumerOf(openClient, options, events),
  };
}

function producerOf(openClient: OpenClient, { requestMsMax }: ClientOptions): ClientProducer {
  const client = openClient({ requestMsMax, retry: PRODUCER_RETRY });
  const producer = client.kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: PRODUCER_RETRY,
  });
  return {
    connect: () => producer.connect(),
    async send(records) {
      const topicMessages = [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, each]) => ({
        topic,
        messages: each.map(messageOf),
      }));
      await producer.sendBatch({ acks: -1, timeout: requestMsMax, topicMessages });
    },
    close: () => producer.disconnect(),
    destroy: () => client.destroy(),
  };
}

function messageOf({ record: { key, value, headers } }: StampedRecord): Message {
  const lists: Record<string, (Buffer | string)[]> = {};
  for (const [name, content] of headers) lists[String(name)] = [...(lists[String(name)] ?? []), content ?? NO_BYTES];
  return { key, value, headers: lists };
}

function consumerOf(openClient: OpenClient, options: ConsumerClientOptions, events: ConsumerEvents): ClientConsumer {
  const client = openClient({ requestMsMax: options.requestMsMax, retry: CONSUMER_RETRY });
  const consumer = client.kafka.consumer({
    groupId: options.group,
    sessionTimeout: options.sessionMs,
    heartbeatInterval: options.heartbeatMs,
    rebalanceTimeout: options.rebalanceMs,
    minBytes: 1,
    maxWaitTimeInMs: options.fetchMs,
    maxBytesPerPartition: options.bytesPerPartition,
    allowAutoTopicCreation: false,
    retry: { ...CONSUMER_RETRY, restartOnFailure: async () => false },
  });
  listen(consumer, events);
  let isOver = false;
  const listOf = ({ topic, partition }: Place) => [{ topic, partitions: [partition] }];
  return {
    async start() {
      await consumer.connect();
      await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        async eachBatch({ batch, resolveOffset }) {
          const { topic, partition, messages, highWatermark } = batch;
          const name = topic.slice(options.topicPrefix.length);
          // kafkajs has this field, although its types omit it.
          const askedFrom = Number(Reflect.get(batch, "fetchedOffset"));
          const records = messages.map((message) => recordOf(name, partition, message));
          const nextOffset = Number(batch.lastOffset()) + 1;
          const fetched = { askedFrom, nextOffset, endOffset: Number(highWatermark), records };
          if (events.records({ topic, partition }, fetched)) resolveOffset(batch.lastOffset());
        },
      });
    },
    commit: (offsets) => consumer.commitOffsets(offsets.map((each) => ({ ...each, offset: String(each.offset) }))),
    seek: ({ topic, partition }, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
    pause: (place) => consumer.pause(listOf(place)),
    resume(place) {
      // kafkajs throws if its consumer has stopped.
      if (!isOver) consumer.resume(listOf(place));
    },
    isConnected: () => client.isConnected(),
    async leave() {
      isOver = true;
      await consumer.disconnect();
    },
    destroy() {
      isOver = true;
      client.destroy();
    },
  };
}

function listen(consumer: Consumer, events: ConsumerEvents): void {
  const names = consumer.events;
  consumer.on(names.HEARTBEAT, () => events.alive());
  consumer.on(names.GROUP_JOIN, ({ payload }) => {
    events.alive();
    events.assigned(payload.memberAssignment);
  });
  consumer.on(names.FETCH_START, () => events.fetching());
  // kafkajs also emits FETCH after a lost connection, and for a broker that received no request.
  consumer.on(names.REQUEST, ({ payload }) => {
    if (payload.apiName === "Fetch") events.answered();
  });
  consumer.on(names.CRASH, ({ payload }) => events.failed(payload.error));
}

function recordOf(topic: string, partition: number, message: KafkaMessage): FetchedRecord {
  const { key, value, headers = {} } = message;
  const pairs = Object.entries(headers).flatMap(([name, contents]) =>
    [contents].flat().map((content) => [name, content ?? null] as const),
  );
  const texts = Object.fromEntries(pairs.map(([name, content]) => [name, content?.toString() ?? ""]));
  return {
    ...{ topic, partition, raw: { key, value, headers: pairs }, headers: texts },
    offset: Number(message.offset),
    key: key?.toString() ?? "",
    value: value ?? NO_BYTES,
    timestampMs: Number(message.timestamp),
  };
}
