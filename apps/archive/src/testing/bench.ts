import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka, KafkaAdmin, OutgoingRecord } from "@tripline/kafka/port";
import { listFiles } from "@tripline/lake/log/list-files";
import type { LakeRow } from "@tripline/lake/read/read-rows";
import { readRows } from "@tripline/lake/read/read-rows";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { TEST_PARTITIONS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { readConfig } from "@tripline/settings/read-config";
import { archiveConfig } from "../config.js";
import { startArchive } from "../start-archive.js";

const WAIT_MS_MAX = 120_000;
const POLL_MS = 25;

type KafkaCorner = Pick<TestStack, "kafkaBrokers" | "topicPrefix">;

/** For tests: a lake, separate topics on Kafka, and the services between them. */
export class TestBench {
  readonly #services: RunningService[] = [];

  private constructor(
    readonly stack: KafkaCorner,
    readonly lake: string,
    readonly kafka: Kafka,
    readonly admin: KafkaAdmin,
    readonly producer: EventProducer,
  ) {}

  /**
   * @param corner the Kafka cluster to use. Default: the shared one of the test run
   * @param url URL of a lake in an object store. Default: a new folder
   */
  static async open(corner?: KafkaCorner, url?: string): Promise<TestBench> {
    const stack = corner ?? (await testStack());
    const lake = url ?? (await mkdtemp(join(tmpdir(), "tripline-archive-test-")));
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
    const admin = await kafka.admin();
    await admin.ensureTopics({ partitions: TEST_PARTITIONS });
    return new TestBench(stack, lake, kafka, admin, await kafka.producer());
  }

  environment(change: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PORT: "0",
      LOG_LEVEL: "silent",
      KAFKA_BROKERS: this.stack.kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: this.stack.topicPrefix,
      LAKE_URL: this.lake,
      FLUSH_AGE_MS: "200",
      ...change,
    };
  }

  /** Starts a service in this process. */
  async start(change: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    const service = await startArchive(readConfig(archiveConfig, this.environment(change)));
    this.#services.push(service);
    return service;
  }

  /** Sent in chunks, because a producer accepts a limited number of records at a time. */
  async send(records: readonly OutgoingRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += 5_000) await this.producer.send(records.slice(at, at + 5_000));
  }

  /** Resolves once the lake contains every record that Kafka has for the topic. */
  async untilArchived(topic: string): Promise<void> {
    const ends = new Map([...(await this.admin.endOffsets(topic))].filter(([, end]) => end > 0));
    await until(`all records of ${topic} in the lake`, async () => {
      const { positions } = await listFiles(this.lake, topic).catch(() => ({ positions: new Map<number, number>() }));
      return [...ends].every(([partition, end]) => (positions.get(partition) ?? 0) >= end);
    });
  }

  async rows(topic: string, days?: readonly string[]): Promise<LakeRow[]> {
    const rows: LakeRow[] = [];
    const options = { lake: this.lake, topic, ...(days === undefined ? {} : { days }) };
    for await (const chunk of readRows(options)) rows.push(...chunk);
    return rows;
  }

  async close(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close()));
    await Promise.all([this.producer.close(), this.admin.close()]);
    if (!isStoreUrl(this.lake)) await rm(this.lake, { recursive: true, force: true });
  }
}

/** Polls until the condition is true. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await delay(POLL_MS);
  }
}

export interface Readiness {
  readonly status: number;
  readonly checks: Readonly<Record<string, string>>;
}

export async function readinessOf({ url }: Pick<RunningService, "url">): Promise<Readiness> {
  const response = await fetch(`${url}/health/ready`);
  const { checks } = (await response.json()) as Omit<Readiness, "status">;
  return { status: response.status, checks };
}

export async function untilReady(service: Pick<RunningService, "url">): Promise<void> {
  await until("the service is ready", async () => (await readinessOf(service)).status === 200);
}
