import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { featureSources } from "@tripline/contracts/features/feature-sources";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TopicName } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import { completeKey } from "@tripline/feature-engine/state/state-key";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { readOrigins } from "@tripline/kafka/dead-letters/read-origins";
import type { EventProducer, IncomingRecord, Kafka, KafkaAdmin, OutgoingRecord } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { TestArchive } from "@tripline/lake/testing/archive";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { BatchProcessor } from "../batches/batch-processor.js";
import { featuresConfig } from "../config.js";
import { FeatureMetrics } from "../feature-metrics.js";
import { ProfileReader } from "../profiles/profile-reader.js";
import type { RebuildOptions, RebuildReport } from "../rebuild/rebuild-state.js";
import { rebuildState } from "../rebuild/rebuild-state.js";
import type { TakenSnapshot, TakeSnapshotOptions } from "../snapshot/take-snapshot.js";
import { takeSnapshot } from "../snapshot/take-snapshot.js";
import { startFeatures } from "../start-features.js";
import { PartitionKeys } from "../states/partition-keys.js";
import { FEATURES_GROUP, StateCompleteness } from "../states/state-completeness.js";
import { StateStore } from "../states/state-store.js";
import { STORE_OPTIONS, engine as shippedEngine } from "./instance.js";

const ARCHIVED: readonly TopicName[] = [
  ...(["features", "appliedLabels", "appliedPaymentUpdates"] as const),
  ...(["transactions", "labels", "paymentUpdates"] as const),
];
const POLL_MS = 20;
/** Low enough to split the states of a few cards into slices. */
export const SMALL_MEMORY_BYTES = 200_000;
/** Not a valid message of any topic. */
export const UNREADABLE = Buffer.from("no message of ours");
const WAIT_MS_MAX = 120_000;

export interface CountOptions {
  /** The offset to commit for a partition that was counted up to `end`. Default: `end` */
  readonly commit?: (topic: string, partition: number, end: number) => number;
  /** The emissions of a batch that reach Kafka. Default: all. If this throws, the instance is dead from then on. */
  readonly emit?: (records: readonly OutgoingRecord[]) => readonly OutgoingRecord[];
}

/** For tests: a features service with its topics, states and archive. Tests can stop it at every step. */
export class TestHistory {
  readonly rebuilds: Redis[] = [];
  #archived = new Map<string, number>();

  private constructor(
    readonly stack: TestStack,
    readonly kafka: Kafka,
    readonly admin: KafkaAdmin,
    readonly producer: EventProducer,
    readonly redis: Redis,
    readonly lake: string,
    private readonly archiveWriter: TestArchive,
    private readonly engine: FeatureEngine,
  ) {}

  /** @param engine default: for the shipped spec, which the real service uses */
  static async open(engine: FeatureEngine = shippedEngine): Promise<TestHistory> {
    const stack = await testStack();
    const { topicPrefix } = stack;
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix, clientId: "test" });
    const admin = await kafka.admin();
    await admin.ensureTopics({ partitions: TEST_PARTITIONS });
    const producer = await kafka.producer();
    const redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    const lake = await mkdtemp(join(tmpdir(), "tripline-rebuild-"));
    const writer = new TestArchive(lake, { cluster: await admin.clusterId(), topicPrefix });
    return new TestHistory(stack, kafka, admin, producer, redis, lake, writer, engine);
  }

  async close(): Promise<void> {
    await Promise.all([this.producer.close(), this.admin.close()]);
    for (const redis of [this.redis, ...this.rebuilds]) redis.disconnect();
    await rm(this.lake, { recursive: true, force: true });
  }

  /** One instance of the service without its consumer. */
  async processor(producer: Pick<EventProducer, "send"> = this.producer): Promise<BatchProcessor> {
    const { admin, stack, engine } = this;
    const options = { ...STORE_OPTIONS, completeKey: completeKey(engine.entities) };
    const store = new StateStore(await this.#connect(), options);
    return new BatchProcessor(
      engine,
      store,
      new PartitionKeys(admin, store, { KAFKA_TOPIC_PREFIX: stack.topicPrefix }),
      new StateCompleteness(admin, store),
      new ProfileReader({ engine, onUnreadable: () => {} }),
      { send: (records) => producer.send(records), close: async () => {} },
      new FeatureMetrics(),
    );
  }

  /** Runs an instance that counts the records on the topics, and commits as specified. */
  async count(options: CountOptions = {}): Promise<void> {
    const ends = await this.#ends(this.#sources);
    const handled = new Map<string, number>();
    let isDead = false;
    const emit = options.emit ?? ((records) => records);
    const processor = await this.processor({
      send: async (records) => {
        if (isDead) throw new TriplineError("kafka-unavailable", "it is dead");
        try {
          const kept = emit(records);
          if (kept.length > 0) await this.producer.send(kept);
        } catch (error) {
          isDead = true;
          throw error;
        }
      },
    });
    const before = await this.#committed();
    const consumer = await this.kafka.consume({
      group: FEATURES_GROUP,
      topics: this.#sources,
      positions: {
        begin: async (topic, partition) => before.get(`${topic}/${partition}`) ?? 0,
        deadLettered: (topic, partition, offset) => void handled.set(`${topic}/${partition}`, offset + 1),
      },
      async handle(batches) {
        await (await processor.handle(batches)).finished;
        for (const { topic, partition, records } of batches) {
          handled.set(`${topic}/${partition}`, (records.at(-1)?.offset ?? -1) + 1);
        }
      },
      onStop(error) {
        throw error;
      },
    });
    try {
      const isDone = () => [...ends].every(([key, end]) => (handled.get(key) ?? before.get(key) ?? 0) >= end);
      await until(
        async () => isDead || isDone(),
        () => `handled only ${JSON.stringify([...handled])}`,
      );
      const wanted = new Map<string, number>();
      for (const [key, end] of handled) {
        const [topic = "", partition = ""] = key.split("/");
        const offset = options.commit?.(topic, Number(partition), end) ?? end;
        if (offset === 0) continue;
        consumer.commit(topic, Number(partition), offset);
        wanted.set(key, offset);
      }
      const areCommitted = async () => {
        const committed = await this.#committed();
        return [...wanted].every(([key, offset]) => committed.get(key) === offset);
      };
      await until(areCommitted, () => `not all of ${JSON.stringify([...wanted])} is committed`);
    } finally {
      await consumer.close();
    }
  }

  /**
   * Archives the topics up to their ends.
   *
   * @param isBehind partitions on which the archive lags (default: none)
   */
  async archive(
    names: readonly TopicName[] = ARCHIVED,
    isBehind: (partition: number) => boolean = () => false,
    columnsLeftOut: readonly string[] = [],
  ): Promise<void> {
    for (const name of names) {
      const topic = TOPICS[name].name;
      const known = (record: IncomingRecord) =>
        record.offset < (this.#archived.get(`${topic}/${record.partition}`) ?? 0);
      const fresh = (await this.read(topic)).filter((record) => !known(record) && !isBehind(record.partition));
      if (fresh.length === 0) continue;
      await this.archiveWriter.append(topic, fresh, columnsLeftOut);
      for (const { partition, offset } of fresh) this.#archived.set(`${topic}/${partition}`, offset + 1);
    }
  }

  /** Archives a topic except for some of its records, which the archive skips. */
  async archiveWithout(topic: string, isLeftOut: (record: IncomingRecord) => boolean): Promise<void> {
    const records = await this.read(topic);
    const passed = records.map((record) => (isLeftOut(record) ? { ...record, value: UNREADABLE } : record));
    await this.archiveWriter.append(topic, passed);
  }

  /** The contents of Redis by key. */
  async stored(): Promise<Map<string, Buffer>> {
    const keys = (await this.redis.keys("*")).sort();
    const values = await Promise.all(keys.map((key) => this.redis.getBuffer(key)));
    return new Map(keys.map((key, index) => [key, values[index] ?? Buffer.alloc(0)]));
  }

  /** The window states in Redis by key. */
  async states(): Promise<Map<string, Buffer>> {
    return new Map([...(await this.stored())].filter(([key]) => key.startsWith("state:")));
  }

  /** Whether the vector of a payment is flagged; undefined if there is none. */
  async isIncomplete(clientTransactionId: string): Promise<boolean | undefined> {
    const records = (await this.read(TOPICS.features.name)).filter(({ value }) => !value.equals(UNREADABLE));
    const vectors = records.map(({ value }) => FeatureVector.decode(value));
    return vectors.find(({ transaction }) => transaction?.clientTransactionId === clientTransactionId)?.incomplete;
  }

  /** All current records of a topic. */
  async read(topic: string): Promise<readonly IncomingRecord[]> {
    const ends = await this.#ends([topic]);
    const count = [...ends.values()].reduce((sum, end) => sum + end, 0);
    if (count === 0) return [];
    const collector = new BatchCollector();
    const consumer = await this.kafka.consume({
      group: `read-${randomUUID()}`,
      topics: [topic],
      handle: collector.handle,
      onStop() {},
    });
    await collector.untilRecords(count);
    await consumer.close();
    return collector.records;
  }

  /** The emitted events, and the number of different results on the topics, by the client's id. */
  async emitted(): Promise<{ events: readonly CountedEvent[]; different: ReadonlyMap<string, number> }> {
    // Events of one batch have the same time. Events without a place in the order are counted in the order of the lake.
    const inLakeOrder = async (topic: string) =>
      (await this.read(topic)).toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
    const vectors = (await inLakeOrder(TOPICS.features.name)).map(({ value }) => FeatureVector.decode(value));
    const labels = (await inLakeOrder(TOPICS.appliedLabels.name)).map(({ value }) => AppliedLabel.decode(value));
    const updates = await inLakeOrder(TOPICS.appliedPaymentUpdates.name);
    const events: CountedEvent[] = [
      ...vectors.map((vector) => ({ kind: "payment", vector }) as const),
      ...labels.map((applied) => ({ kind: "label", applied }) as const),
      ...updates.map(({ value }) => ({ kind: "update", applied: AppliedPaymentUpdate.decode(value) }) as const),
    ];
    const byId = new Map<string, Set<string>>();
    for (const event of events) byId.set(idOf(event), (byId.get(idOf(event)) ?? new Set()).add(JSON.stringify(event)));
    const different = new Map([...byId].map(([id, results]) => [id, results.size]));
    return { events: events.sort((a, b) => atMsOf(a) - atMsOf(b)), different };
  }

  /** Compares all vectors marked as complete with the engine's vectors for all events, each counted once. */
  async differences(stateBefore?: (key: string) => Uint8Array | null): Promise<object> {
    const { events } = await this.emitted();
    const differing: string[] = [];
    const folding = new FoldInOrder({
      engine: this.engine,
      ...(stateBefore === undefined ? {} : { stateBefore }),
      onPayment: ({ vector, values }) => {
        const isSame = values.every((value, index) => Object.is(value, vector.values[index]));
        if (!isSame) differing.push(vector.transaction?.clientTransactionId ?? "");
      },
    });
    const numbered = new Set(events.filter((event) => !isIncomplete(event)).map(idOf));
    const seen = new Set<string>();
    for (const event of events) {
      if (isIncomplete(event) && (numbered.has(idOf(event)) || seen.has(idOf(event)))) continue;
      if (isIncomplete(event)) seen.add(idOf(event));
      folding.add(event);
    }
    folding.finish();
    return { counted: folding.counted, stuck: folding.stuck.length, differing };
  }

  async rebuild(options: Partial<RebuildOptions> = {}): Promise<RebuildReport> {
    const [redis, holding] = [await this.#connect(), await this.#connect()];
    return rebuildState({
      engine: this.engine,
      admin: this.admin,
      redis,
      holding,
      topicPrefix: this.stack.topicPrefix,
      lake: this.lake,
      stateTtlSeconds: 45 * 86_400,
      waitMs: 0,
      origins: (topic) => readOrigins(this.kafka, topic),
      isPartial: false,
      ...options,
    });
  }

  /** Takes a snapshot of the states from the lake. */
  async snapshot(options: Partial<TakeSnapshotOptions> = {}): Promise<TakenSnapshot> {
    return takeSnapshot({
      engine: this.engine,
      lake: this.lake,
      stateTtlSeconds: 45 * 86_400,
      memoryBytes: SMALL_MEMORY_BYTES,
      retention: { kept: 2, ageMsMax: 86_400_000 },
      readMark: () => this.redis.get(completeKey(this.engine.entities)),
      erasures: async () => [],
      onNote() {},
      ...options,
    });
  }

  /** Runs the real service until it has counted the records on the topics. */
  async serve(): Promise<void> {
    const service = await this.startService();
    try {
      await this.untilHandled();
    } finally {
      await service.close();
    }
  }

  /** Waits until the service has counted, emitted and committed the records that are currently on the topics. */
  async untilHandled(): Promise<void> {
    const ends = await this.#ends(this.#sources);
    const isDone = async () => {
      const committed = await this.#committed();
      return [...ends].every(([key, end]) => end === 0 || (committed.get(key) ?? 0) >= end);
    };
    await until(isDone, () => "the service has not handled all records on the topics");
  }

  startService(logger?: Logger): Promise<RunningService> {
    return startFeatures(
      readConfig(featuresConfig, {
        PORT: "0",
        LOG_LEVEL: "silent",
        KAFKA_BROKERS: this.stack.kafkaBrokers.join(","),
        KAFKA_TOPIC_PREFIX: this.stack.topicPrefix,
        REDIS_URL: this.stack.redisUrl,
        REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
      }),
      logger,
    );
  }

  get #sources(): readonly string[] {
    return featureSources(this.engine.spec).map((source) => TOPICS[source].name);
  }

  async #connect(): Promise<Redis> {
    const redis = connectRedis(this.stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    this.rebuilds.push(redis);
    await awaitRedis(redis);
    return redis;
  }

  async #committed(): Promise<ReadonlyMap<string, number>> {
    const offsets = new Map<string, number>();
    for (const topic of this.#sources) {
      const ofTopic = await this.admin.committedOffsets(FEATURES_GROUP, topic);
      for (const [partition, offset] of ofTopic) offsets.set(`${topic}/${partition}`, offset);
    }
    return offsets;
  }

  async #ends(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const ends = new Map<string, number>();
    for (const topic of topics) {
      for (const [partition, end] of await this.admin.endOffsets(topic)) ends.set(`${topic}/${partition}`, end);
    }
    return ends;
  }
}

async function until(condition: () => Promise<boolean>, what: () => string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what()}`);
    await delay(POLL_MS);
  }
}

function idOf(event: CountedEvent): string {
  if (event.kind === "payment") return event.vector.transaction?.clientTransactionId ?? "";
  if (event.kind === "label") return event.applied.label?.clientTransactionId ?? "";
  return event.applied.update?.clientTransactionId ?? "";
}

function isIncomplete(event: CountedEvent): boolean {
  return event.kind === "payment" ? event.vector.incomplete : event.applied.incomplete;
}

function atMsOf(event: CountedEvent): number {
  return event.kind === "payment" ? event.vector.computedAtMs : event.applied.appliedAtMs;
}
