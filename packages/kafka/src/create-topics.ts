import type { Admin } from "@platformatic/kafka";
import type { WantedTopic } from "./complete-configs.js";
import { protocolErrorNames } from "./kafka-fault.js";

const MAX_ATTEMPTS = 3;

/**
 * Creates topics that all have the same settings, with the broker's default replication factor: one in the demo, three
 * in production. Ignores errors about topics that exist: another service may have created them. After a timeout it
 * sends the request again, because only the controller knows whether it has created the topics; the brokers list a new
 * topic a little later.
 */
export async function createTopics(admin: Admin, wanted: readonly WantedTopic[]): Promise<void> {
  const topics = wanted.map(({ topic, partitions }) => ({ topic, partitions }));
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.createTopics({ topics, configs: [...(wanted[0]?.configs ?? [])] });
      return;
    } catch (thrown) {
      const names = protocolErrorNames(thrown);
      if (names.length > 0 && names.every((name) => name === "TOPIC_ALREADY_EXISTS")) return;
      if (names.includes("REQUEST_TIMED_OUT") && attempt < MAX_ATTEMPTS) continue;
      const existing = new Set(await admin.listTopics({}));
      if (topics.some(({ topic }) => !existing.has(topic))) throw thrown;
      return;
    }
  }
}
