import type { KafkaAdmin } from "@tripline/kafka/port";

/**
 * A readiness check: Kafka answers and has our topics, which are created where they are missing.
 *
 * @returns throws TriplineError `kafka-unavailable` while that is not so
 */
export function kafkaCheck(admin: KafkaAdmin): () => Promise<void> {
  let topics: Promise<void> | undefined;
  return async () => {
    // One attempt at a time, however often readiness is asked meanwhile; the first success is final.
    topics ??= admin.ensureTopics().catch((error: unknown) => {
      topics = undefined;
      throw error;
    });
    await topics;
    await admin.clusterId();
  };
}
