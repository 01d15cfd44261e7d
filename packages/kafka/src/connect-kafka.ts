import { AdministeredKafka } from "./administered-kafka.js";
import { platformaticLibrary } from "./client/platformatic/platformatic-library.js";
import { consumeTopics } from "./consumer/consume-topics.js";
import { followTable } from "./consumer/follow-table.js";
import { clientOpener } from "./open-client.js";
import type { Kafka, KafkaSecurity, Log } from "./port.js";
import { openProducer } from "./producer/open-producer.js";
import { GATHER_LIMITS } from "./producer/send-gatherer.js";

export interface KafkaOptions {
  /** `host:port` of one or more bootstrap brokers. */
  readonly brokers: readonly string[];
  /** Appears in the brokers' logs and quotas. */
  readonly clientId: string;
  /** Prefix of all topic and group names. Other code uses the names without the prefix. Default: empty. */
  readonly topicPrefix?: string;
  /** Default: plain TCP. */
  readonly security?: KafkaSecurity;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

/** Connects when a producer, consumer or admin is requested. */
export function connectKafka(options: KafkaOptions): Kafka {
  const { brokers, clientId, topicPrefix = "", security = {}, log = () => {} } = options;
  const cluster = { brokers, clientId, security, log };
  const dependencies = { library: platformaticLibrary(cluster), openClient: clientOpener(cluster), topicPrefix, log };
  return {
    producer: (options) => openProducer({ ...dependencies, limits: { ...GATHER_LIMITS, ...options } }),
    consume: async (options) => consumeTopics(dependencies, options),
    follow: async (options) => followTable(dependencies, options),
    admin: async () => new AdministeredKafka(dependencies),
  };
}
