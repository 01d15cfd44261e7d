import type { MessageToProduce } from "@platformatic/kafka";
import { Producer } from "@platformatic/kafka";
import type { Backoff } from "../../wait-backoff.js";
import { backoffMs } from "../../wait-backoff.js";
import type { ClientOptions, ClientProducer, StampedRecord } from "../client-library.js";
import { murmur2 } from "../murmur2.js";
import type { ClusterOptions } from "./connection-options.js";
import { connectionOptions, cut, watch } from "./connection-options.js";

/** With `BACKOFF`, the retries take about 2 s in total. */
const RETRIES = 8;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 300 };
const ALL_IN_SYNC = -1;
/** Clears the sign bit of the hash, like Kafka's Java client. */
const UNSIGNED = 0x7fffffff;

/** The library uses undefined where our records use null. */
type Bytes = Buffer | undefined;

export function platformaticProducer(cluster: ClusterOptions, options: ClientOptions): ClientProducer {
  const producer = new Producer<Bytes, Bytes, Bytes, Bytes>({
    ...connectionOptions(cluster, options),
    idempotent: true,
    retries: RETRIES,
    retryDelay: (_client, _operation, attempt) => backoffMs(BACKOFF, attempt),
  });
  watch(producer.connections, cluster);
  return {
    async connect() {
      await producer.initIdempotentProducer({});
    },
    async send(records) {
      await producer.send({ acks: ALL_IN_SYNC, messages: records.map(messageOf) });
    },
    close: () => producer.close(),
    destroy() {
      cut(producer.connections);
      producer.close().catch(() => {});
    },
  };
}

/**
 * The library keeps headers in a map. Its keys are buffers, which are compared by identity, so a name may occur more
 * than once.
 */
function messageOf({
  topic,
  record: { key: name, value, headers },
}: StampedRecord): MessageToProduce<Bytes, Bytes, Bytes, Bytes> {
  const key = bytesOf(name);
  return {
    topic,
    value: bytesOf(value),
    headers: new Map(headers.map(([name, content]) => [bytesOf(name), bytesOf(content)])),
    ...(key === undefined ? {} : { key, partition: murmur2(key) & UNSIGNED }),
  };
}

const bytesOf = (content: Buffer | string | null): Bytes =>
  typeof content === "string" ? Buffer.from(content) : (content ?? undefined);
