import { SUBJECT_KEYS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { INTAKE_TOPICS } from "./intake/intake-topics.js";

/** Topics that this service writes to. */
const OWN = [...INTAKE_TOPICS.map((topic) => TOPICS[topic].name), SUBJECT_KEYS_TOPIC.name];

/**
 * A readiness check: Kafka is available, and our topics exist. It does not create them, because their number of
 * partitions is permanent and only the installation knows it.
 *
 * @returns a function that otherwise throws TriplineError `kafka-unavailable`
 */
export function kafkaCheck(admin: KafkaAdmin): () => Promise<void> {
  let topics: Promise<void> | undefined;
  return async () => {
    // Makes at most one attempt at a time, and none after the first success.
    topics ??= admin.requireTopics(OWN).catch((error: unknown) => {
      topics = undefined;
      throw error;
    });
    await topics;
    await admin.clusterId();
  };
}
