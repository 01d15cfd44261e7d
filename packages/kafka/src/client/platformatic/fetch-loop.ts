import type { BaseOptions, Broker, Connection, Consumer } from "@platformatic/kafka";
import { ConnectionPool, fetchV12, ListOffsetTimestamps } from "@platformatic/kafka";
import type { Backoff } from "../../wait-backoff.js";
import { backoffMs } from "../../wait-backoff.js";
import type { Assigned, ConsumerClientOptions, ConsumerEvents, Place } from "../client-library.js";
import { cut, isAnyConnected } from "./connection-options.js";
import type { FetchedPartition } from "./fetch-answer.js";
import { parseFetch, readBatches } from "./fetch-answer.js";

const FETCH_KEY = 1;
/** The newest version that identifies topics by name (Kafka 2.7 and later); later versions use topic ids. */
const FETCH_VERSION = 12;
const READ_COMMITTED = 1;
const BYTES_MAX = 10 * 1024 ** 2;
const OFFSET_OUT_OF_RANGE = 1;

type Topics = Parameters<typeof fetchV12.createRequest>[6];
const BACKOFF: Backoff = { firstMs: 100, maxMs: 500 };

interface Position extends Place {
  /** The offset to fetch next; undefined until it is known. */
  offset: number | undefined;
  isPaused: boolean;
}

/** Fetches the assigned partitions, with at most one pending request per broker. */
export class FetchLoop {
  readonly pool: ConnectionPool;
  readonly #busy = new Set<number>();
  #positions = new Map<string, Position>();
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    private readonly consumer: Consumer,
    private readonly options: ConsumerClientOptions,
    private readonly events: ConsumerEvents,
    connection: BaseOptions,
  ) {
    // Separate from the group's connections, so that heartbeats never wait for a fetch.
    this.pool = new ConnectionPool(connection.clientId, connection);
  }

  assign(partitions: Assigned): void {
    const places = Object.entries(partitions).flatMap(([topic, numbers]) =>
      numbers.map((partition): Position => ({ topic, partition, offset: undefined, isPaused: false })),
    );
    this.#positions = new Map(places.map((place) => [keyOf(place), place]));
  }

  /** Does nothing if `seek` has set a position since the assignment. */
  begin(place: Place, offset: number): void {
    const position = this.#positions.get(keyOf(place));
    if (position !== undefined) position.offset ??= offset;
  }

  seek(place: Place, offset: number): void {
    const position = this.#positions.get(keyOf(place));
    if (position !== undefined) position.offset = offset;
  }

  pause(place: Place): void {
    const position = this.#positions.get(keyOf(place));
    if (position !== undefined) position.isPaused = true;
  }

  resume(place: Place): void {
    const position = this.#positions.get(keyOf(place));
    if (position === undefined) return;
    position.isPaused = false;
    this.poll();
  }

  isConnected(): boolean {
    return isAnyConnected(this.pool);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    cut(this.pool);
    this.pool.close().catch(() => {});
  }

  get #all(): readonly Position[] {
    return [...this.#positions.values()];
  }

  /** Sends a fetch to each broker that leads a wanted partition and has no pending request. */
  poll(): void {
    if (!this.#isOver) this.#request().catch((error: unknown) => this.#pollLater(error));
  }

  async #request(): Promise<void> {
    if (!this.#all.some(isWanted)) return;
    const { brokers, topics } = await this.consumer.metadata({ topics: [...this.options.topics] });
    const leaderOf = ({ topic, partition }: Place) => topics.get(topic)?.partitions[partition]?.leader;
    for (const [leader, wanted] of Map.groupBy(this.#all.filter(isWanted), leaderOf)) {
      const broker = leader === undefined ? undefined : brokers.get(leader);
      if (leader === undefined || broker === undefined) throw new Error("a partition has no leader");
      if (this.#busy.has(leader) || this.#isOver) continue;
      this.#busy.add(leader);
      void this.#fetch(broker, wanted).then(
        () => {
          this.#busy.delete(leader);
          this.poll();
        },
        (error: unknown) => {
          this.#busy.delete(leader);
          this.#pollLater(error);
        },
      );
    }
  }

  #pollLater(error: unknown): void {
    if (this.#isOver) return;
    this.events.failing(error);
    this.consumer.clearMetadata();
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.poll(), backoffMs(BACKOFF, this.#failures));
  }

  async #fetch(broker: Broker, wanted: readonly Position[]): Promise<void> {
    const asked = new Map(wanted.map((position) => [keyOf(position), { position, offset: position.offset ?? 0 }]));
    const topics = [...Map.groupBy(wanted, ({ topic }) => topic)].map(([topicId, positions]) => ({
      topicId,
      partitions: positions.map(({ partition, offset }) => this.#partition(partition, offset ?? 0)),
    }));
    const waitMs = this.#all.every(isWanted) ? this.options.fetchMs : this.options.partialFetchMs;
    const answer = await this.#send(await this.pool.get(broker), topics, waitMs);
    this.events.answered();
    const refused: Position[] = [];
    for (const part of answer) {
      const { position, offset } = asked.get(keyOf(part)) ?? {};
      if (position === undefined || offset === undefined) continue;
      if (part.errorCode === 0) await this.#take(position, offset, part);
      else if (part.errorCode === OFFSET_OUT_OF_RANGE) await this.#restart(position, offset);
      else refused.push(position);
    }
    if (refused.length > 0) throw new Error("a broker rejected partitions");
    this.#failures = 0;
  }

  #partition(partition: number, offset: number) {
    return {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: -1,
      partitionMaxBytes: this.options.bytesPerPartition,
    };
  }

  #send(connection: Connection, topics: Topics, waitMs: number): Promise<readonly FetchedPartition[]> {
    const request = () => fetchV12.createRequest(waitMs, 1, BYTES_MAX, READ_COMMITTED, 0, -1, topics, [], "");
    return new Promise((resolve, reject) => {
      connection.send<FetchedPartition[]>(
        ...([FETCH_KEY, FETCH_VERSION, request, parseFetch, true, true] as const),
        (error, answer) => (error ? reject(error) : resolve(answer ?? [])),
      );
    });
  }

  /** Drops responses to requests that were sent before a seek or an assignment change. */
  #isAt(position: Position, offset: number): boolean {
    return this.#positions.get(keyOf(position)) === position && position.offset === offset;
  }

  async #take(position: Position, askedFrom: number, part: FetchedPartition): Promise<void> {
    if (part.bytes.length === 0 || !this.#isAt(position, askedFrom)) return;
    const { records, nextOffset } = await readBatches(
      part,
      position.topic.slice(this.options.topicPrefix.length),
      askedFrom,
    );
    if (nextOffset === undefined || !this.#isAt(position, askedFrom)) return;
    const { endOffset } = part;
    const isTaken = this.events.records(position, { askedFrom, nextOffset, endOffset, records });
    if (isTaken && this.#isAt(position, askedFrom)) position.offset = nextOffset;
  }

  /** Continues at the oldest available record. */
  async #restart(position: Position, askedFrom: number): Promise<void> {
    const { topic, partition } = position;
    const timestamp = ListOffsetTimestamps.EARLIEST;
    const offsets = await this.consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: [partition] },
      timestamp,
    });
    const offset = offsets.get(topic)?.[partition];
    if (offset !== undefined && this.#isAt(position, askedFrom)) position.offset = Number(offset);
  }
}

const isWanted = ({ offset, isPaused }: Position): boolean => offset !== undefined && !isPaused;
const keyOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;
