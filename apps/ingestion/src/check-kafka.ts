import { SUBJECT_KEYS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { INTAKE_TOPICS } from "./intake/intake-topics.js";

/** Topics that this service writes to. */
const OWN = [...INTAKE_TOPICS.map((topic) => TOPICS[topic].name), SUBJECT_KEYS_TOPIC.name];

/**
 * A readiness check: Kafka is available and our topics exist. Creates missing topics if this service is permitted to.
 *
 * @returns throws TriplineError `kafka-unavailable` otherwise
 */
export function kafkaCheck(admin: KafkaAdmin): () => Promise<void> {
  let topics: Promise<void> | undefined;
  return async () => {
    // At most one attempt at a time. After the first success, there are no more.
    topics ??= admin.ensureTopics(OWN).catch((error: unknown) => {
      topics = undefined;
      throw error;
    });
    await topics;
    await admin.clusterId();
  };
}
