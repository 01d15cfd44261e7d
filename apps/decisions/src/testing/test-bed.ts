import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Decision, PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { deadLetterTopic, TABLES, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, IncomingRecord } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { decisionsConfig } from "../config.js";
import { startDecisions } from "../start-decisions.js";
import type { PaymentChange } from "./payment.js";
import { payment } from "./payment.js";
import { TestScorer } from "./scorer.js";

const SHIPPED_POLICY = fileURLToPath(new URL("../../policy.yaml", import.meta.url));

/** Collects records that arrive on topics, and waits for them. */
class Inbox {
  readonly #records: IncomingRecord[] = [];
  #waiting: (() => void)[] = [];

  push(records: readonly IncomingRecord[]): void {
    this.#records.push(...records);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(enough: (record: IncomingRecord) => boolean, count = 1): Promise<IncomingRecord[]> {
    for (;;) {
      const found = this.#records.filter(enough);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** The service connected to real servers, with a scoring service whose responses the test controls. */
export class TestBed {
  private constructor(
    readonly stack: TestStack,
    readonly scorer: TestScorer,
    readonly producer: EventProducer,
    readonly redis: Redis,
    readonly inbox: Inbox,
    /** The policy that the service reads. */
    readonly policyFile: string,
    private readonly release: () => Promise<void>,
  ) {}

  #service: RunningService | undefined;

  static async start(): Promise<TestBed> {
    const stack = await testStack();
    const folder = await mkdtemp(join(tmpdir(), "decisions-"));
    const policyFile = join(folder, "policy.yaml");
    await writeFile(policyFile, await readFile(SHIPPED_POLICY));
    const scorer = new TestScorer();
    await scorer.start();
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
    const admin = await kafka.admin();
    await admin.ensureTopics();
    await admin.close();
    const producer = await kafka.producer();
    const redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    const inbox = new Inbox();
    const listener = await kafka.consume({
      group: "test-inbox",
      topics: [
        ...[TOPICS.decisions.name, TOPICS.paymentUpdates.name],
        ...[deadLetterTopic(TOPICS.features.name), deadLetterTopic(TABLES.rollouts.name)],
      ],
      handle: async (batches) => inbox.push(batches.flatMap(({ records }) => records)),
      onStop: () => {},
    });
    const bed = new TestBed(stack, scorer, producer, redis, inbox, policyFile, async () => {
      await listener.close();
      await producer.close();
      redis.disconnect();
      scorer.stop();
      await rm(folder, { recursive: true });
    });
    await bed.restart();
    await listener.ready;
    return bed;
  }

  get service(): RunningService {
    if (this.#service === undefined) throw new Error("The service is not running.");
    return this.#service;
  }

  /** Starts another instance, which the test must close. */
  startAnother(environment: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    return startDecisions(
      readConfig(decisionsConfig, {
        PORT: "0",
        LOG_LEVEL: "silent",
        KAFKA_BROKERS: this.stack.kafkaBrokers.join(","),
        KAFKA_TOPIC_PREFIX: this.stack.topicPrefix,
        REDIS_URL: this.stack.redisUrl,
        REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
        SCORING_ADDRESS: this.scorer.address,
        SCORING_WAIT_MS_MAX: "5000",
        POLICY_FILE: this.policyFile,
        ...environment,
      }),
    );
  }

  /** Stops the service if it runs, and starts it with these settings. */
  async restart(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stopService();
    this.#service = await this.startAnother(environment);
  }

  async stopService(): Promise<void> {
    await this.#service?.close();
    this.#service = undefined;
  }

  /** The records of a payment's decision, once there are this many. */
  decisionRecords(id: string, count = 1): Promise<IncomingRecord[]> {
    const isOfPayment = ({ topic, value }: IncomingRecord) =>
      topic === TOPICS.decisions.name && Decision.decode(value).transactionId === id;
    return this.inbox.until(isOfPayment, count);
  }

  /** Waits for `count` update records of a payment. */
  updateRecords(id: string, count = 1): Promise<IncomingRecord[]> {
    const isOfPayment = ({ topic, value }: IncomingRecord) =>
      topic === TOPICS.paymentUpdates.name && PaymentUpdate.decode(value).transactionId === id;
    return this.inbox.until(isOfPayment, count);
  }

  async decided(id: string): Promise<Decision> {
    const [record] = await this.decisionRecords(id);
    return Decision.decode(record?.value ?? Buffer.of());
  }

  async decideOne(change: PaymentChange = {}): Promise<Decision> {
    const { id, record } = payment(change);
    await this.producer.send([record]);
    return this.decided(id);
  }

  async close(): Promise<void> {
    await this.stopService();
    await this.release();
  }
}
