import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";

/** What this service writes, and all that it has a right to where each service has its own. */
const OWN = [TOPICS.transactions.name, TOPICS.labels.name];

/**
 * A readiness check: Kafka answers and has our topics. Where they are missing they are created, as far as this service may.
 *
 * @returns throws TriplineError `kafka-unavailable` while that is not so
 */
export function kafkaCheck(admin: KafkaAdmin): () => Promise<void> {
  let topics: Promise<void> | undefined;
  return async () => {
    // One attempt at a time, however often readiness is asked meanwhile; the first success is final.
    topics ??= admin.ensureTopics(OWN).catch((error: unknown) => {
      topics = undefined;
      throw error;
    });
    await topics;
    await admin.clusterId();
  };
}
