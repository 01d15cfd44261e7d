import { setTimeout as sleep } from "node:timers/promises";
import type { Admin } from "@platformatic/kafka";
import { FetchIsolationLevels, ListOffsetTimestamps } from "@platformatic/kafka";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Topic } from "@tripline/contracts/topics";
import { ALL_TOPICS, TOPICS } from "@tripline/contracts/topics";
import { AdminConnection } from "./admin-connection.js";
import type { ClusterOptions } from "./client/platformatic/connection-options.js";
import type { WantedTopic } from "./complete-configs.js";
import { completeConfigs } from "./complete-configs.js";
import { createTopics } from "./create-topics.js";
import { asKafkaError } from "./kafka-fault.js";
import type { KafkaAdmin, KafkaRight, Log, TopicsWanted } from "./port.js";
import { setRights } from "./set-rights.js";
import { topicConfig } from "./topic-config.js";

/** A busy machine with one broker needs more than 15 s for all topics. */
const LEADERS_MS_MAX = 60_000;
const POLL_MS = 50;

export interface AdminDependencies {
  readonly cluster: ClusterOptions;
  readonly topicPrefix: string;
  readonly log: Log;
  readonly topics?: readonly Topic[];
}

export class AdministeredKafka implements KafkaAdmin {
  readonly #connection: AdminConnection;

  constructor(private readonly dependencies: AdminDependencies) {
    this.#connection = new AdminConnection(dependencies.cluster);
  }

  async ensureTopics({ partitions }: TopicsWanted = {}): Promise<ReadonlyMap<string, number>> {
    const visible = await this.#visibleTopics();
    const width = (await this.#partitionsOfPayments(visible)) ?? partitions;
    const table = this.dependencies.topics ?? ALL_TOPICS;
    const topics = table.map((topic) => this.#wantedOf(topic, topic.partitions === 1 ? 1 : width));
    await this.#create(topics, visible);
    const names = topics.map(({ topic }) => topic);
    // Brokers may still list a topic that was just deleted, so each retry creates the topics that are missing by then.
    const found = await this.#waitForLeaders(names, async () => this.#create(topics, await this.#visibleTopics()));
    await this.#completeConfigs(topics.filter(({ topic }) => visible.has(topic)));
    return found;
  }

  async requireTopics(names: readonly string[]): Promise<void> {
    const topics = names.map((name) => this.dependencies.topicPrefix + name);
    const visible = await this.#visibleTopics();
    const missing = topics.filter((topic) => !visible.has(topic));
    if (missing.length > 0) {
      const detail = `The topic ${missing.join(", ")} does not exist in Kafka, or this service has no permission to use it. Run: tripline topics`;
      throw new TriplineError("kafka-unavailable", detail);
    }
    await this.#waitForLeaders(topics);
  }

  endOffsets(topic: string): Promise<ReadonlyMap<number, number>> {
    return this.#offsetsOf(topic, ListOffsetTimestamps.LATEST);
  }

  startOffsets(topic: string): Promise<ReadonlyMap<number, number>> {
    return this.#offsetsOf(topic, ListOffsetTimestamps.EARLIEST);
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const { topicPrefix } = this.dependencies;
    const groups = await this.#connection.call((admin) =>
      admin.listConsumerGroupOffsets({ groups: [topicPrefix + group] }),
    );
    const found = groups.flatMap(({ topics }) => topics).find(({ name }) => name === topicPrefix + topic);
    const committed = (found?.partitions ?? []).filter(({ committedOffset }) => committedOffset >= 0n);
    return new Map(committed.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]));
  }

  async groupMembers(group: string): Promise<number> {
    const groups = await this.#connection.call((admin) =>
      admin.describeGroups({ groups: [this.dependencies.topicPrefix + group] }),
    );
    return [...groups.values()].reduce((sum, { members }) => sum + members.size, 0);
  }

  async clusterId(): Promise<string> {
    // Without `forceUpdate`, the library would use its cache, and a readiness check would not detect an outage.
    return (await this.#connection.call((admin) => admin.metadata({ topics: [], forceUpdate: true }))).id;
  }

  setRights(rights: readonly KafkaRight[]): Promise<{ readonly added: number; readonly removed: number }> {
    return this.#connection.call((admin) => setRights(admin, this.dependencies.topicPrefix, rights));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #offsetsOf(topic: string, timestamp: bigint): Promise<ReadonlyMap<number, number>> {
    const name = this.dependencies.topicPrefix + topic;
    const found = await this.#connection.call(async (admin) =>
      listOffsets(admin, await partitionsOf(admin, [name]), timestamp),
    );
    const partitions = found.flatMap((each) => each.partitions);
    return new Map(partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
  }

  /** The topics that this client may access. */
  async #visibleTopics(): Promise<ReadonlySet<string>> {
    return new Set(await this.#connection.call((admin) => admin.listTopics({})));
  }

  /** Number of partitions of the topic of payments; undefined in a new installation. */
  async #partitionsOfPayments(visible: ReadonlySet<string>): Promise<number | undefined> {
    const name = this.dependencies.topicPrefix + TOPICS.transactions.name;
    if (!visible.has(name)) return undefined;
    return (await this.#connection.call((admin) => partitionsOf(admin, [name]))).get(name);
  }

  #wantedOf(topic: Topic, partitions = topic.partitions): WantedTopic {
    const configs = Object.entries(topicConfig(topic)).map(([name, value]) => ({ name, value }));
    return { topic: this.dependencies.topicPrefix + topic.name, partitions, configs };
  }

  /** Creates the topics that are not visible. The library sends the same settings for all topics of a request. */
  async #create(wanted: readonly WantedTopic[], visible: ReadonlySet<string>): Promise<void> {
    const missing = wanted.filter(({ topic }) => !visible.has(topic));
    for (const topics of Map.groupBy(missing, ({ configs }) => JSON.stringify(configs)).values()) {
      await this.#connection.call((admin) => createTopics(admin, topics));
    }
  }

  /** Continues without permission to change topics, because the only consequence is that Kafka keeps records longer. */
  async #completeConfigs(topics: readonly WantedTopic[]): Promise<void> {
    const { log } = this.dependencies;
    try {
      await this.#connection.call((admin) => completeConfigs(admin, topics, log));
    } catch (thrown) {
      const { message } = asKafkaError(thrown);
      log(
        "warn",
        `the settings of topics could not be completed, so Kafka may keep records for too long: ${message}`,
        {},
      );
    }
  }

  /**
   * @param retry called before every attempt except the first
   * @returns the number of partitions by topic, without the prefix
   */
  async #waitForLeaders(
    names: readonly string[],
    retry = async (): Promise<void> => {},
  ): Promise<ReadonlyMap<string, number>> {
    const deadlineMs = performance.now() + LEADERS_MS_MAX;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (attempt > 1) await retry();
        const found = await this.#connection.call(async (admin) => {
          const partitions = await partitionsOf(admin, names);
          // A new leader may not know its role yet. A request for offsets shows whether it is ready.
          await listOffsets(admin, partitions, ListOffsetTimestamps.LATEST);
          return partitions;
        });
        const { length } = this.dependencies.topicPrefix;
        return new Map([...found].map(([name, count]) => [name.slice(length), count]));
      } catch (thrown) {
        if (performance.now() + POLL_MS > deadlineMs) throw thrown;
        await sleep(POLL_MS);
      }
    }
  }
}

/** Number of partitions by topic. */
async function partitionsOf(admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { topics } = await admin.metadata({ topics: [...names], forceUpdate: true });
  return new Map([...topics].map(([name, { partitionsCount }]) => [name, partitionsCount]));
}

/** One request per broker. Like our consumers, it does not see records of an open transaction. */
function listOffsets(admin: Admin, topics: ReadonlyMap<string, number>, timestamp: bigint) {
  return admin.listOffsets({
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
    topics: [...topics].map(([name, count]) => ({
      name,
      partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  });
}
