import type { OnApplicationShutdown } from "@nestjs/common";
import { Controller, Inject, Module } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS } from "@tripline/contracts/headers";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka, KafkaAdmin, OwnPositions, RecordBatch } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { kafkaConfig, readConfig, redisConfig } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { z } from "zod";
import { InjectRedis, RedisModule } from "../redis/redis.module.js";
import type { RunningService } from "../start-service.js";
import { startService } from "../start-service.js";
import { KafkaModule } from "./kafka.module.js";
import { KafkaStrategy } from "./kafka.strategy.js";
import { EVENT_PRODUCER, KAFKA_ADMIN } from "./kafka.tokens.js";
import { KafkaBatches } from "./kafka-batches.decorator.js";

const TOPIC = "labels";
const OWN = "decisions";
const FROM = 2;

let kafka: Kafka;
let producer: EventProducer;
let service: RunningService;
/** Shared with the service under test. */
let held: { readonly producer: EventProducer; readonly redis: Redis };
let onLast: () => Promise<void> = async () => {};
const calls: (readonly RecordBatch[])[] = [];
const own: number[] = [];
const ended: string[] = [];

/** Starts slightly after the beginning of a partition. */
class LatePositions implements OwnPositions {
  begin = async () => FROM;
  deadLettered() {}
}

@Controller()
class LabelsController implements OnApplicationShutdown {
  constructor(
    @Inject(EVENT_PRODUCER) events: EventProducer,
    @Inject(KAFKA_ADMIN) admin: KafkaAdmin,
    @InjectRedis() redis: Redis,
  ) {
    held = { producer: events, redis };
    tellEnd("producer", events, "close");
    tellEnd("admin", admin, "close");
    tellEnd("redis", redis, "disconnect");
  }

  @KafkaBatches({ group: "strategy", topics: [TOPIC], recordsTogetherMax: 100, roundsMax: 1 })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    calls.push(batches);
    const texts = batches.flatMap(({ records }) => records.map(({ value }) => value.toString()));
    if (texts.includes("bad")) throw new TriplineError("message-unreadable", "It is bad.");
    if (texts.includes("last")) await onLast();
  }

  @KafkaBatches({ group: "own", topics: [OWN], positions: LatePositions })
  async handleOwn(batches: readonly RecordBatch[]): Promise<void> {
    own.push(...batches.flatMap(({ records }) => records.map(({ offset }) => offset)));
  }

  onApplicationShutdown(): void {
    ended.push("controller");
  }
}

/** Records when an object is closed. */
function tellEnd<K extends string>(name: string, of: Record<K, (...args: never[]) => unknown>, method: K): void {
  const end = of[method].bind(of);
  Object.assign(of, {
    [method](...args: never[]) {
      ended.push(name);
      return end(...args);
    },
  });
}

@Module({})
class LabelsModule {}

async function start(stack: TestStack): Promise<RunningService> {
  const environment = { KAFKA_BROKERS: stack.kafkaBrokers.join(","), KAFKA_TOPIC_PREFIX: stack.topicPrefix };
  const redis = { REDIS_URL: stack.redisUrl, REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS) };
  const config = readConfig(z.object({ ...kafkaConfig, ...redisConfig }), { ...environment, ...redis });
  return startService({
    name: "labels",
    port: 0,
    host: "127.0.0.1",
    logger: createLogger("labels", "silent"),
    module: {
      module: LabelsModule,
      imports: [RedisModule.forRoot(config), KafkaModule.forRoot(config, { clientId: "labels", producer: {} })],
      controllers: [LabelsController],
      providers: [LatePositions],
    },
    transports: [KafkaStrategy],
  });
}

const record = (topic: string, key: string, text: string) => ({
  topic,
  key,
  headers: {},
  value: Buffer.from(text),
});
const textsOf = (batches: readonly RecordBatch[]) =>
  batches.flatMap(({ records }) => records.map(({ value }) => value.toString()));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 120_000;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not yet: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

beforeAll(async () => {
  const stack = await testStack();
  const { kafkaBrokers: brokers, topicPrefix } = stack;
  kafka = connectKafka({ brokers, topicPrefix, clientId: "test" });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  producer = await kafka.producer();
  // In several partitions, and sent before the consumer starts: one fetch returns them all.
  await producer.send(Array.from({ length: 30 }, (_, index) => record(TOPIC, `key-${index}`, `${index}`)));
  await producer.send(Array.from({ length: 5 }, (_, index) => record(OWN, "one key, so one partition", `${index}`)));
  service = await start(stack);
});

afterAll(async () => {
  await service.close();
  await producer.close();
});

test("a method gets batches of several partitions, each record once", async () => {
  await until("all records", () => calls.flatMap(textsOf).length >= 30);
  expect(calls.some((batches) => new Set(batches.map(({ partition }) => partition)).size > 1)).toBe(true);
  expect(new Set(calls.flatMap(textsOf)).size).toBe(30);
  expect(calls.flatMap(textsOf)).toHaveLength(30);
  await until("ready", async () => (await fetch(`${service.url}/health/ready`)).ok);
  expect(await (await fetch(`${service.url}/health/ready`)).json()).toEqual({
    status: "ready",
    checks: { kafka: "ok", redis: "ok" },
  });
});

test("a method's error reaches the consumer unchanged, and its code determines the reaction", async () => {
  const letters = new BatchCollector();
  const topics = [`${TOPIC}.dlq`];
  const reader = await kafka.consume({ group: "letters", topics, handle: letters.handle, onStop() {} });
  await producer.send([
    record(TOPIC, "key-1", "before"),
    record(TOPIC, "key-1", "bad"),
    record(TOPIC, "key-1", "after"),
  ]);
  await letters.untilRecords(1);
  await reader.close();
  expect(letters.records[0]?.value.toString()).toBe("bad");
  expect(letters.records[0]?.headers).toMatchObject({
    [DEAD_LETTER_HEADERS.code]: "message-unreadable",
    [DEAD_LETTER_HEADERS.message]: "It is bad.",
  });
  await until("the records beside it", () => calls.flatMap(textsOf).includes("after"));
});

test("a provider stores the positions of a group", async () => {
  await until("its records", () => own.length >= 3);
  expect(own).toEqual([2, 3, 4]);
});

test("shutdown closes HTTP, then consumers, the producer, the admin client, and Redis", async () => {
  const began = Promise.withResolvers<void>();
  const outcomes: string[] = [];
  onLast = async () => {
    began.resolve();
    await until("the end of HTTP", () =>
      fetch(service.url).then(
        () => false,
        () => true,
      ),
    );
    await held.producer.send([record("features", "key", "from the last handler")]);
    outcomes.push(String(await held.redis.set("from the last handler", "1")), ...ended);
  };
  await producer.send([record(TOPIC, "key-2", "last")]);
  await began.promise;
  await service.close();
  expect(outcomes).toEqual(["OK"]);
  expect(ended).toEqual(["controller", "producer", "admin", "redis"]);
});
