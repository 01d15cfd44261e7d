import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionFeed } from "./decision-feed.js";

test("regression #24: reads earlier decisions only once a listener is ready, even if Kafka is fast", async () => {
  const stack = await testStack();
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix: stack.topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  const producer = await kafka.producer();
  const ids = Array.from({ length: 20 }, () => `txn_${randomUUID()}`);
  const records = ids.map((transactionId) => {
    const value = Decision.encode({ ...Decision.decode(new Uint8Array()), transactionId }).finish();
    return { topic: TOPICS.decisions.name, key: transactionId, value, headers: {} };
  });
  await producer.send(records);

  const feed = new DecisionFeed(kafka, admin, createLogger("test", "silent"));
  const known = Promise.withResolvers<void>();
  const received = new Set<string>();
  const listener = {
    ready: known.promise,
    wantsDecisions: false,
    wantsLabels: false,
    decision: ({ transactionId }: Decision) => void received.add(transactionId),
    label: () => {},
  };
  feed.listen(listener);
  void feed.onModuleInit();
  await delay(3_000);
  expect([received.size, feed.isCaughtUp]).toEqual([0, false]);
  listener.wantsDecisions = true;
  known.resolve();
  while (!feed.isCaughtUp) await delay(20);
  expect(received).toEqual(new Set(ids));
  await feed.onApplicationShutdown();
  await producer.close();
  await admin.close();
});
