import { consumeTopics } from "./consumer/consume-topics.js";
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

/**
 * Connects when a producer, consumer or admin is requested. The client library is loaded then, because it has over 300
 * modules, and many commands and tests import this function without using Kafka.
 */
export function connectKafka(options: KafkaOptions): Kafka {
  const { brokers, clientId, topicPrefix = "", security = {}, log = () => {} } = options;
  const cluster = { brokers, clientId, security };
  const dependencies = async () => {
    const { platformaticLibrary } = await import("./client/platformatic/platformatic-library.js");
    return { library: platformaticLibrary(cluster), cluster, topicPrefix, log };
  };
  return {
    producer: async (options) => openProducer({ ...(await dependencies()), limits: { ...GATHER_LIMITS, ...options } }),
    consume: async (options) => consumeTopics(await dependencies(), options),
    async follow(options) {
      const { followTable } = await import("./consumer/follow-table.js");
      return followTable(await dependencies(), options);
    },
    async admin() {
      const { AdministeredKafka } = await import("./administered-kafka.js");
      return new AdministeredKafka(await dependencies());
    },
  };
}
