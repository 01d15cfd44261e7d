import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEAD_LETTER_HEADERS } from "@tripline/contracts/headers";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { readTopic } from "@tripline/system/ledger/ledger";

/** The published features of a payment, by name; empty if the payment is not on the topic. */
export async function readFeatures(kafka: Kafka, clientTransactionId: string): Promise<Map<string, number>> {
  const { features } = currentFeatureSpec();
  const found = new Map<string, number>();
  await readTopic(kafka, TOPICS.features.name, (record) => {
    const vector = FeatureVector.decode(record.value);
    if (vector.transaction?.clientTransactionId !== clientTransactionId) return;
    features.forEach((feature, index) => {
      found.set(feature.name, vector.values[index] ?? Number.NaN);
    });
  });
  return found;
}

export interface DeadLetter {
  readonly value: string;
  readonly code: string | undefined;
}

export async function readDeadLetters(kafka: Kafka, topic: string): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  await readTopic(kafka, deadLetterTopic(topic), (record) => {
    letters.push({ value: record.value.toString("utf8"), code: record.headers[DEAD_LETTER_HEADERS.code] });
  });
  return letters;
}
