import type { Admin } from "@platformatic/kafka";
import type { WantedTopic } from "./complete-configs.js";
import { protocolErrorNames } from "./kafka-fault.js";

/**
 * Creates topics that all have the same settings, with the broker's default replication factor: one in the demo, three
 * in production. Ignores errors about topics that exist afterwards: another service may have created them, or the
 * broker may have created them after it reported a timeout.
 */
export async function createTopics(admin: Admin, wanted: readonly WantedTopic[]): Promise<void> {
  const topics = wanted.map(({ topic, partitions }) => ({ topic, partitions }));
  try {
    await admin.createTopics({ topics, configs: [...(wanted[0]?.configs ?? [])] });
  } catch (thrown) {
    const names = protocolErrorNames(thrown);
    if (names.length > 0 && names.every((name) => name === "TOPIC_ALREADY_EXISTS")) return;
    const existing = new Set(await admin.listTopics({}));
    if (topics.some(({ topic }) => !existing.has(topic))) throw thrown;
  }
}
