import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { startIngestion } from "./start-ingestion.js";
import { TestDecider } from "./testing/decider.js";
import type { Answer, TestIssuer } from "./testing/service.js";
import {
  labelBody,
  paymentBody,
  recordCount,
  rowsOf,
  startTestIssuer,
  TestClient,
  testConfig,
} from "./testing/service.js";

const PATH = "/v1/transactions";
const WAIT = { prefer: "wait=30" };
/** A client must not hang during an outage, not even as long as it would wait for a decision. */
const ANSWER_MS_MAX = 25_000;
const TEST_MS_MAX = 300_000;

describe("while Kafka or Redis is down", () => {
  let directory: string;
  let stack: LocalStack;
  let issuer: TestIssuer;
  let service: RunningService;
  let client: TestClient;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tripline-ingestion-"));
    [stack, issuer] = await Promise.all([startStack({ directory, parts: ["kafka", "redis"] }), startTestIssuer()]);
    const admin = await connectKafka({ brokers: stack.kafkaBrokers, clientId: "test" }).admin();
    await admin.ensureTopics();
    await admin.close();
    service = await startIngestion(testConfig(stack, issuer));
    client = new TestClient(service.url, await issuer.authorization());
    await untilReady();
  }, TEST_MS_MAX);

  afterAll(async () => {
    await service.close();
    await stack.stop();
    await issuer.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function untilReady(): Promise<void> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const answer = await client.get("/health/ready");
      if (answer.status === 200) return;
      if (Date.now() > deadline) throw new Error(`not ready: ${answer.text}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async function promptly(work: Promise<Answer>): Promise<Answer> {
    const startedAtMs = Date.now();
    const answer = await work;
    expect(Date.now() - startedAtMs).toBeLessThan(ANSWER_MS_MAX);
    return answer;
  }

  test(
    "without Kafka, requests get 503 with Retry-After; afterwards, the same request is accepted once",
    async () => {
      const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test" });
      const admin = await kafka.admin();
      const before = await recordCount(admin, "transactions");
      const [body, bulk, label] = [paymentBody(), paymentBody(), labelBody()];
      await stack.kafka.kill();

      for (const [path, sent] of [
        [PATH, body],
        ["/v1/labels", label],
      ] as const) {
        const answer = await promptly(client.post(path, sent, WAIT));
        expect(answer.status).toBe(503);
        expect(answer.headers.get("retry-after")).toBe("2");
        expect(answer.body).toMatchObject({ code: "kafka-unavailable" });
        expect(answer.text).not.toContain(String(stack.kafkaBrokers[0]));
      }
      const batch = await promptly(client.postLines(`${PATH}/batch`, [JSON.stringify(bulk), "{"], WAIT));
      expect(batch.headers.get("retry-after")).toBe("2");
      expect(rowsOf(batch)).toMatchObject([
        { line: 1, status: 503, problem: { code: "kafka-unavailable" } },
        { line: 2, status: 400, problem: { code: "malformed-json" } },
      ]);
      const health = await client.get("/health/ready");
      expect(health.status).toBe(503);
      expect(health.body).toMatchObject({ checks: { redis: "ok", keys: "ok" } });

      await stack.kafka.start();
      await untilReady();
      const redis = connectRedis(stack.redisUrl);
      await awaitRedis(redis);
      const decider = new TestDecider(kafka, redis);
      await decider.start();
      for (const sent of [body, bulk]) expect((await client.post(PATH, sent, WAIT)).status).toBe(200);
      expect((await client.post("/v1/labels", label, WAIT)).status).toBe(200);
      expect(await recordCount(admin, "transactions")).toBe(before + 2);
      await decider.close();
      redis.disconnect();
      await admin.close();
    },
    TEST_MS_MAX,
  );

  test(
    "without Redis, requests get 503 with Retry-After and write no record; afterwards, callers can wait again",
    async () => {
      const kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test" });
      const admin = await kafka.admin();
      const before = await recordCount(admin, "transactions");
      const body = paymentBody();
      await stack.redis.kill();

      const answer = await promptly(client.post(PATH, body, WAIT));
      expect(answer.status).toBe(503);
      expect(answer.headers.get("retry-after")).toBe("2");
      expect(answer.body).toMatchObject({ code: "redis-unavailable" });
      const batch = await promptly(client.postLines(`${PATH}/batch`, [JSON.stringify(body)]));
      expect(batch.body).toMatchObject({ status: 503, code: "redis-unavailable" });
      const read = await promptly(client.get(`/v1/decisions/txn_${"0".repeat(32)}`));
      expect(read.body).toMatchObject({ status: 503, code: "redis-unavailable" });
      expect(await recordCount(admin, "transactions")).toBe(before);

      await stack.redis.start();
      await untilReady();
      const redis = connectRedis(stack.redisUrl);
      await awaitRedis(redis);
      const decider = new TestDecider(kafka, redis);
      await decider.start();
      const startedAtMs = Date.now();
      expect((await client.post(PATH, body, WAIT)).status).toBe(200);
      // The decision arrived through the reply channel, not through the final lookup.
      expect(Date.now() - startedAtMs).toBeLessThan(ANSWER_MS_MAX);
      await decider.close();
      redis.disconnect();
      await admin.close();
    },
    TEST_MS_MAX,
  );
});
