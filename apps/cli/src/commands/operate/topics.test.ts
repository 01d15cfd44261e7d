import { ALL_TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { testStack } from "@tripline/local-stack/testing/stack";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import { ensureTopics } from "./topics.js";

describe("the topics job", () => {
  test("creates missing topics, and does nothing the second time", async () => {
    const { kafkaBrokers, topicPrefix } = await testStack();
    const system = kafkaFrom({ KAFKA_BROKERS: kafkaBrokers.join(","), KAFKA_TOPIC_PREFIX: topicPrefix });
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    await ensureTopics(system, { timeoutMs: 60_000, partitions: 3 }, say);
    await ensureTopics(system, { timeoutMs: 60_000, partitions: 4 }, say);
    expect(said).toEqual([
      `${ALL_TOPICS.length} topics exist`,
      `${ALL_TOPICS.length} topics exist`,
      expect.stringMatching(/^existing topics keep 3 partitions instead of 4: transactions, labels, .*case-events$/),
    ]);
    const admin = await connectKafka({ brokers: kafkaBrokers, clientId: "test", topicPrefix }).admin();
    expect((await admin.endOffsets("decisions")).size).toBe(3);
    expect((await admin.endOffsets("policies")).size).toBe(1);
    await admin.close();
  });

  test("says what it is waiting for, and finally which setting to correct", async () => {
    const [port] = await findFreePorts(1);
    const said: string[] = [];
    const made = ensureTopics(
      kafkaFrom({ KAFKA_BROKERS: `127.0.0.1:${port}` }),
      { timeoutMs: 1, partitions: 6 },
      (line) => said.push(line),
    );
    await expect(made).rejects.toThrow(
      new RegExp(`^Kafka at 127\\.0\\.0\\.1:${port} was not ready within .* Set KAFKA_BROKERS`),
    );
    expect(said).not.toContain(`${ALL_TOPICS.length} topics exist`);
  });

  test("does not start without brokers", () => {
    expect(() => kafkaFrom({})).toThrow(/KAFKA_BROKERS is not set/);
  });
});
