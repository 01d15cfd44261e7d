import { setTimeout as sleep } from "node:timers/promises";
import { Consumer, findErrorBy, ListOffsetTimestamps } from "@platformatic/kafka";
import type { PartitionOffset } from "../../consumer/offset-committer.js";
import { isPassing } from "../../kafka-fault.js";
import type { Backoff } from "../../wait-backoff.js";
import { backoffMs } from "../../wait-backoff.js";
import type { Assigned, ClientConsumer, ConsumerClientOptions, ConsumerEvents, Place } from "../client-library.js";
import { assignPartitions } from "./assign-partitions.js";
import type { ClusterOptions } from "./connection-options.js";
import { connectionOptions, cut, isAnyConnected, watch } from "./connection-options.js";
import { FetchLoop } from "./fetch-loop.js";

/** The same name as in kafkajs, so that members with either library can share a group during an upgrade. */
const ASSIGNOR = "RoundRobinAssigner";
const BACKOFF: Backoff = { firstMs: 100, maxMs: 500 };

export class PlatformaticConsumer implements ClientConsumer {
  readonly #consumer: Consumer;
  readonly #loop: FetchLoop;
  /** Incremented with every assignment. */
  #generation = 0;
  #isOver = false;

  constructor(
    cluster: ClusterOptions,
    private readonly options: ConsumerClientOptions,
    private readonly events: ConsumerEvents,
  ) {
    const connection = connectionOptions(cluster, options);
    this.#consumer = new Consumer({
      ...connection,
      groupId: options.group,
      sessionTimeout: options.sessionMs,
      rebalanceTimeout: options.rebalanceMs,
      heartbeatInterval: options.heartbeatMs,
      protocols: [{ name: ASSIGNOR, version: 1 }],
      partitionAssigner: assignPartitions,
      autocommit: false,
      // The library must not retry, because this class has its own retries.
      retries: 0,
    });
    this.#loop = new FetchLoop(this.#consumer, options, events, connection);
    watch(this.#consumer.connections, cluster);
    watch(this.#loop.pool, cluster);
    this.#consumer.on("consumer:heartbeat:end", () => events.alive());
    this.#consumer.on("consumer:group:join", ({ assignments }) => {
      this.#begin(Object.fromEntries((assignments ?? []).map(({ topic, partitions }) => [topic, partitions])));
    });
    // The library gave up after a failed attempt to rejoin the group.
    this.#consumer.on("error", () => void this.#join());
  }

  async start(): Promise<void> {
    this.#consumer.topics.trackAll(...this.options.topics);
    await this.#join();
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#consumer.commit({
      offsets: offsets.map(({ topic, partition, offset }) => ({
        ...{ topic, partition, offset: BigInt(offset) },
        leaderEpoch: -1,
      })),
    });
    // Only a member of the current generation can commit.
    this.events.alive();
  }

  seek(place: Place, offset: number): void {
    this.#loop.seek(place, offset);
  }

  pause(place: Place): void {
    this.#loop.pause(place);
  }

  resume(place: Place): void {
    this.#loop.resume(place);
  }

  isConnected(): boolean {
    return this.#loop.isConnected() || isAnyConnected(this.#consumer.connections);
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    this.#loop.end();
    await this.#consumer.close();
  }

  destroy(): void {
    this.#isOver = true;
    this.#loop.end();
    cut(this.#consumer.connections);
    // Runs after the connections have been closed; otherwise, the library would send a request to leave the group.
    setImmediate(() => this.#consumer.close().catch(() => {}));
  }

  /** Keeps its member id, and retries while Kafka is unavailable. */
  async #join(): Promise<void> {
    for (let tries = 1; !this.#isOver; tries += 1) {
      try {
        await this.#consumer.joinGroup({});
        return;
      } catch (thrown) {
        if (this.#isOver) return;
        if (thrown instanceof Error && findErrorBy(thrown, "canRetry", false) !== null && !isPassing(thrown)) {
          this.events.failed(thrown);
          return;
        }
        this.events.failing(thrown);
        await sleep(backoffMs(BACKOFF, tries));
      }
    }
  }

  #begin(partitions: Assigned): void {
    if (this.#isOver) return;
    this.#generation += 1;
    this.#loop.assign(partitions);
    this.events.alive();
    this.events.assigned(partitions);
    void this.#findPositions(partitions, this.#generation);
  }

  async #findPositions(partitions: Assigned, generation: number): Promise<void> {
    for (let tries = 1; !this.#isOver && this.#generation === generation; tries += 1) {
      try {
        const [committed, oldest] = [await this.#committed(partitions), await this.#oldest(partitions)];
        if (this.#isOver || this.#generation !== generation) return;
        for (const place of placesOf(partitions)) {
          const offset = committed.get(place.topic)?.[place.partition] ?? -1n;
          const first = oldest.get(place.topic)?.[place.partition] ?? 0n;
          this.#loop.begin(place, Number(offset < 0n ? first : offset));
        }
        this.events.fetching();
        this.#loop.poll();
        return;
      } catch (thrown) {
        if (!this.#isOver) this.events.failing(thrown);
        await sleep(backoffMs(BACKOFF, tries));
      }
    }
  }

  async #committed(partitions: Assigned): Promise<ReadonlyMap<string, readonly bigint[]>> {
    const topics = Object.entries(partitions).map(([topic, numbers]) => ({ topic, partitions: [...numbers] }));
    return topics.length === 0 ? new Map() : this.#consumer.listCommittedOffsets({ topics });
  }

  async #oldest(partitions: Assigned): Promise<ReadonlyMap<string, readonly bigint[]>> {
    const topics = Object.keys(partitions);
    if (topics.length === 0) return new Map();
    const numbers = Object.fromEntries(Object.entries(partitions).map(([topic, each]) => [topic, [...each]]));
    return this.#consumer.listOffsets({ topics, partitions: numbers, timestamp: ListOffsetTimestamps.EARLIEST });
  }
}

function placesOf(partitions: Assigned): Place[] {
  return Object.entries(partitions).flatMap(([topic, numbers]) => numbers.map((partition) => ({ topic, partition })));
}
