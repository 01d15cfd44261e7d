import { setTimeout as sleep } from "node:timers/promises";
import type { Topic } from "@tripline/contracts/topics";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import type { Admin, ITopicConfig, ITopicMetadata, RetryOptions } from "kafkajs";
import type { WantedConfig } from "./complete-configs.js";
import { completeConfigs } from "./complete-configs.js";
import { asKafkaError, isPassing } from "./kafka-fault.js";
import type { Client, OpenClient } from "./open-client.js";
import type { KafkaAdmin, KafkaRight, Log } from "./port.js";
import { setRights } from "./set-rights.js";
import { topicConfig } from "./topic-config.js";
import { finishBy, settlesWithin } from "./wait-backoff.js";

const REQUEST_MS_MAX = 5_000;
const CALL_MS_MAX = 10_000;
const RETRY: RetryOptions = { initialRetryTime: 100, multiplier: 2, factor: 0.2, maxRetryTime: 1_000, retries: 5 };
/** A busy machine with one broker needs more than 15 s for all topics. */
const LEADERS_MS_MAX = 60_000;
const POLL_MS = 50;
const DISCONNECT_MS_MAX = 1_000;

export interface AdminDependencies {
  readonly openClient: OpenClient;
  readonly topicPrefix: string;
  readonly log: Log;
  readonly topics?: readonly Topic[];
}

type ConfiguredTopic = ITopicConfig & WantedConfig;

/** Connects on the first call, and reconnects after a failure. */
export class AdministeredKafka implements KafkaAdmin {
  #open: { readonly client: Client; readonly admin: Admin; readonly connected: Promise<void> } | undefined;

  constructor(private readonly dependencies: AdminDependencies) {}

  async ensureTopics(needed: readonly string[] = []): Promise<void> {
    const topics = (this.dependencies.topics ?? ALL_TOPICS).map((topic) => this.#configOf(topic));
    // Topics that this client may not access are not listed.
    const visible = new Set(await this.#call((admin) => admin.listTopics()));
    const enough = new Set(needed.map((name) => this.dependencies.topicPrefix + name));
    // If every needed topic exists, the others are not created: this client may lack permission, and the broker would
    // reject and log each attempt.
    const isEnough = enough.size > 0 && [...enough].every((topic) => visible.has(topic));
    const missing = isEnough ? [] : topics.filter(({ topic }) => !visible.has(topic));
    if (missing.length > 0) {
      // Resolves to false if all topics exist, including those that another service is creating at the same time.
      const request = { topics: missing, waitForLeaders: false, timeout: REQUEST_MS_MAX };
      await this.#call((admin) => admin.createTopics(request));
    }
    await this.#waitForLeaders(isEnough ? topics.filter(({ topic }) => enough.has(topic)) : topics);
    if (!isEnough) await this.#completeConfigs(topics.filter(({ topic }) => visible.has(topic)));
  }

  async endOffsets(topic: string): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.#fetchOffsets(topic);
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  }

  async startOffsets(topic: string): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.#fetchOffsets(topic);
    return new Map(offsets.map(({ partition, low }) => [partition, Number(low)]));
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const { topicPrefix } = this.dependencies;
    const topics = await this.#call((admin) =>
      admin.fetchOffsets({ groupId: topicPrefix + group, topics: [topicPrefix + topic] }),
    );
    const offsets = topics.flatMap(({ partitions }) => partitions);
    return new Map(
      offsets
        .map(({ partition, offset }): [number, number] => [partition, Number(offset)])
        .filter(([, offset]) => offset >= 0),
    );
  }

  async groupMembers(group: string): Promise<number> {
    const { groups } = await this.#call((admin) => admin.describeGroups([this.dependencies.topicPrefix + group]));
    return groups.reduce((sum, { members }) => sum + members.length, 0);
  }

  async clusterId(): Promise<string> {
    const { clusterId } = await this.#call((admin) => admin.describeCluster());
    return clusterId;
  }

  setRights(rights: readonly KafkaRight[]): Promise<{ readonly added: number; readonly removed: number }> {
    return this.#call((admin) => setRights(admin, this.dependencies.topicPrefix, rights));
  }

  async close(): Promise<void> {
    if (this.#open !== undefined) await settlesWithin(DISCONNECT_MS_MAX, this.#open.admin.disconnect());
    this.#discard();
  }

  #fetchOffsets(topic: string) {
    return this.#call((admin) => admin.fetchTopicOffsets(this.dependencies.topicPrefix + topic));
  }

  #configOf(topic: Topic): ConfiguredTopic {
    // Uses the broker's default replication factor: one in the demo, three in production.
    return {
      topic: this.dependencies.topicPrefix + topic.name,
      numPartitions: topic.partitions,
      replicationFactor: -1,
      configEntries: Object.entries(topicConfig(topic)).map(([name, value]) => ({ name, value })),
    };
  }

  /** Continues without permission to change topics, because the only consequence is that Kafka keeps records longer. */
  async #completeConfigs(topics: readonly ConfiguredTopic[]): Promise<void> {
    const { log } = this.dependencies;
    try {
      await this.#call((admin) => completeConfigs(admin, topics, log));
    } catch (thrown) {
      const { message } = asKafkaError(thrown);
      log(
        "warn",
        `the settings of topics could not be completed, so Kafka may keep records for too long: ${message}`,
        {},
      );
    }
  }

  async #waitForLeaders(topics: readonly ConfiguredTopic[]): Promise<void> {
    const names = topics.map(({ topic }) => topic);
    const deadlineMs = performance.now() + LEADERS_MS_MAX;
    for (;;) {
      try {
        const metadata = await this.#call((admin) => admin.fetchTopicMetadata({ topics: names }));
        this.#warnOfOtherPartitions(topics, metadata.topics);
        // A new leader may not know its role yet. A request for offsets shows whether it is ready.
        for (const topic of names) await this.#call((admin) => admin.fetchTopicOffsets(topic));
        return;
      } catch (thrown) {
        if (performance.now() + POLL_MS > deadlineMs) throw thrown;
        await sleep(POLL_MS);
      }
    }
  }

  #warnOfOtherPartitions(wanted: readonly ConfiguredTopic[], found: readonly ITopicMetadata[]): void {
    for (const { topic, numPartitions } of wanted) {
      const partitions = found.find(({ name }) => name === topic)?.partitions.length;
      if (partitions !== undefined && partitions !== numPartitions) {
        const message = `topic ${topic} has ${partitions} partitions, but the topic table has ${numPartitions}`;
        this.dependencies.log("warn", message, {});
      }
    }
  }

  /** Retries errors that the broker marks as retriable, until the time limit. */
  async #call<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + CALL_MS_MAX;
    for (;;) {
      const { admin, connected } = this.#connect();
      try {
        return await finishBy(
          deadlineMs,
          connected.then(() => work(admin)),
        );
      } catch (thrown) {
        this.#discard();
        if (!isPassing(thrown) || performance.now() + POLL_MS > deadlineMs) throw asKafkaError(thrown);
        await sleep(POLL_MS);
      }
    }
  }

  #connect() {
    if (this.#open === undefined) {
      const client = this.dependencies.openClient({ requestMsMax: REQUEST_MS_MAX, retry: RETRY });
      const admin = client.kafka.admin({ retry: RETRY });
      this.#open = { client, admin, connected: admin.connect() };
    }
    return this.#open;
  }

  #discard(): void {
    this.#open?.client.destroy();
    this.#open = undefined;
  }
}
