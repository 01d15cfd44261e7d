import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { payment, paymentRecord } from "../testing/events.js";
import { engine } from "../testing/instance.js";
import { GapReader } from "./gap-reader.js";

const TOPIC = TOPICS.transactions.name;

test("regression #33: distinguishes records that were counted from dead letters", async () => {
  const { kafkaBrokers, topicPrefix } = await testStack();
  const kafka = connectKafka({ brokers: kafkaBrokers, topicPrefix, clientId: "test" });
  const admin = await kafka.admin();
  await admin.ensureTopics({ partitions: 1 });
  const producer = await kafka.producer();
  try {
    const counted = paymentRecord(payment({ clientTransactionId: "c-1" }));
    const unreadable = { ...counted, value: Buffer.from("unreadable") };
    for (const record of [counted, unreadable, unreadable, counted]) await producer.send([record]);
    const reader = new GapReader(kafka, admin, engine);
    const hasEvents = (from: number, to: number) => reader.hasEvents(TOPIC, 0, { from, to });
    expect(await hasEvents(1, 3)).toBe(false);
    expect(await hasEvents(1, 4)).toBe(true);
    // The topic was recreated since these offsets were committed.
    expect(await hasEvents(1, 5)).toBe(false);
    // Kafka no longer has the first of these records, so they cannot be recent.
    expect(await hasEvents(-1, 3)).toBe(false);
  } finally {
    await Promise.all([producer.close(), admin.close()]);
  }
});
