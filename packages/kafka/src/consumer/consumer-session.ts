import type { TriplineError } from "@tripline/contracts/error-table";
import type { Assigned, ClientConsumer, ClientLibrary, FetchedRecord, Place } from "../client/client-library.js";
import { asKafkaError } from "../kafka-fault.js";
import type { ConsumerObserver, Log, OwnPositions } from "../port.js";
import { settlesWithin } from "../wait-backoff.js";
import type { PartitionOffset } from "./offset-committer.js";
import { OffsetCommitter } from "./offset-committer.js";
import type { Fetched } from "./partition-queue.js";
import type { OwnPosition, PartitionMemory } from "./partition-worker.js";
import { PartitionWorker } from "./partition-worker.js";

const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** How long the group waits for its members to rejoin. Members notice a rebalance at their next heartbeat. */
const REBALANCE_MS = 15_000;
/**
 * How long a broker keeps a fetch of all assigned partitions open if there are no new records. Long, because each fetch
 * wakes this process and the broker, but shorter than the time after which a table's follower expects a response.
 */
const FETCH_MS = 500;
/** Shorter while some partitions are paused, because only the next fetch can include a resumed partition. */
const PARTIAL_FETCH_MS = 100;
const FETCH_BYTES_PER_PARTITION = 1024 ** 2;
const REQUEST_MS_MAX = 5_000;
const LEAVE_MS_MAX = 2_000;
/** A connected client that is silent for this long counts as hung. Joining a group never takes this long. */
const SILENCE_MS_MAX = 30_000;
const WATCH_MS = 1_000;

export interface SessionOptions {
  readonly library: ClientLibrary;
  /** Group and topics include the prefix. */
  readonly group: string;
  readonly topics: readonly string[];
  readonly topicPrefix: string;
  readonly recordsPerBatchMax: number;
  readonly memory: PartitionMemory;
  readonly log: Log;
  /** Aborted when the consumer closes: retries then stop, and no more records are accepted. */
  readonly closing: AbortSignal;
  readonly positions?: OwnPositions;
  readonly observer?: ConsumerObserver;
  handle(records: readonly FetchedRecord[], isRepeated: boolean): Promise<void>;
  deadLetter(record: FetchedRecord, error: TriplineError): Promise<void>;
  stop(error: TriplineError): void;
  /** Called when partitions have been assigned and the client is fetching them. */
  ready(): void;
}

/** The partitions of this member between two rebalances. */
interface Assignment {
  readonly partitions: Assigned;
  readonly ended: AbortController;
  readonly signal: AbortSignal;
  readonly committer: OffsetCommitter;
  readonly workers: Map<string, PartitionWorker>;
  /** The end offset of each partition at its last fetch; recorded only if an observer needs the lag. */
  readonly ends: Map<string, number>;
}

/**
 * One client consumer, from connecting until it fails. The client only fetches, sends heartbeats and commits. Records
 * go directly into a queue per partition. If the client waited for handlers, the slowest partition would delay all
 * fetches and, during a rebalance, the heartbeats as well.
 */
export class ConsumerSession {
  readonly #consumer: ClientConsumer;
  readonly #failed: Promise<unknown>;
  #fail: (error: unknown) => void = () => {};
  #assignment: Assignment | undefined;
  #aliveAtMs = performance.now();
  #awayAtMs = 0;
  #isMember = false;

  constructor(private readonly options: SessionOptions) {
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    const alive = () => {
      this.#aliveAtMs = performance.now();
    };
    this.#consumer = options.library.consumer(
      {
        group: options.group,
        topics: options.topics,
        topicPrefix: options.topicPrefix,
        requestMsMax: REQUEST_MS_MAX,
        sessionMs: SESSION_MS,
        heartbeatMs: HEARTBEAT_MS,
        rebalanceMs: REBALANCE_MS,
        fetchMs: FETCH_MS,
        partialFetchMs: PARTIAL_FETCH_MS,
        bytesPerPartition: FETCH_BYTES_PER_PARTITION,
      },
      {
        alive,
        assigned: (partitions) => this.#begin(partitions),
        fetching: () => options.ready(),
        answered: () => options.observer?.fetched?.(),
        records: (place, fetched) => this.#takeIn(place, fetched),
        failing: (error) => {
          options.log("warn", "consumer: Kafka is not responding", {
            group: options.group,
            error: asKafkaError(error).message,
          });
        },
        failed: (error) => this.#fail(error),
      },
    );
  }

  /** Whether it has ever joined its group. */
  get hasJoined(): boolean {
    return this.#assignment !== undefined;
  }

  isHealthy(): boolean {
    return this.#isMember && performance.now() - this.#aliveAtMs < SESSION_MS;
  }

  /** Commits an offset of a currently assigned partition; its topic includes the prefix. */
  commit(offset: PartitionOffset): void {
    if (this.#assignment === undefined || !isIn(this.#assignment.partitions, offset)) return;
    this.#assignment.committer.mark(offset);
    this.#observeLag(this.#assignment, offset);
  }

  /** Runs until the client fails permanently or hangs. Resolves with the cause. */
  async run(): Promise<unknown> {
    const watch = setInterval(() => this.#watch(), WATCH_MS);
    this.#consumer.start().catch(this.#fail);
    const cause = await this.#failed;
    clearInterval(watch);
    this.#isMember = false;
    this.#endAssignment();
    this.#consumer.destroy();
    return cause;
  }

  /** Ends `run`: commits what was handled, leaves the group and disconnects. Call it after the handlers have ended. */
  async close(): Promise<void> {
    this.#isMember = false;
    if (this.#assignment !== undefined) await settlesWithin(LEAVE_MS_MAX, this.#assignment.committer.idle());
    const left = this.#consumer.leave();
    if (this.#consumer.isConnected()) await settlesWithin(LEAVE_MS_MAX, left);
    // Stops the client's retries, so that `left` settles.
    this.#consumer.destroy();
    await settlesWithin(LEAVE_MS_MAX, left);
    this.#fail(new Error("closed"));
  }

  #watch(): void {
    const nowMs = performance.now();
    if (!this.#consumer.isConnected()) this.#awayAtMs = nowMs;
    const silentMs = nowMs - Math.max(this.#aliveAtMs, this.#awayAtMs);
    if (silentMs > SILENCE_MS_MAX) this.#fail(new Error(`no response for ${Math.round(silentMs)} ms`));
  }

  #begin(partitions: Assigned): void {
    this.#endAssignment();
    const ended = new AbortController();
    const committer = new OffsetCommitter(
      {
        commit: (offsets) => this.#consumer.commit(offsets),
        isConnected: () => this.#consumer.isConnected(),
        giveUp: this.#fail,
        log: this.options.log,
      },
      ended.signal,
    );
    const signal = AbortSignal.any([ended.signal, this.options.closing]);
    this.#assignment = { partitions, ended, signal, committer, workers: new Map(), ends: new Map() };
    this.#isMember = true;
    this.options.log("info", "consumer: partitions assigned", { group: this.options.group, partitions });
    if (this.options.positions === undefined) return;
    for (const [topic, numbers] of Object.entries(partitions)) {
      for (const partition of numbers) this.#worker(this.#assignment, topic, partition).begin();
    }
  }

  #endAssignment(): void {
    if (this.#assignment === undefined) return;
    this.#assignment.ended.abort();
    for (const worker of this.#assignment.workers.values()) worker.end();
    const { observer, topicPrefix } = this.options;
    if (observer === undefined) return;
    for (const [topic, numbers] of Object.entries(this.#assignment.partitions)) {
      for (const partition of numbers) observer.lag(topic.slice(topicPrefix.length), partition, undefined);
    }
  }

  #observeLag({ ends }: Assignment, { topic, partition, offset }: PartitionOffset): void {
    const { observer, topicPrefix } = this.options;
    const end = ends.get(`${topic}/${partition}`);
    if (observer === undefined || end === undefined) return;
    observer.lag(topic.slice(topicPrefix.length), partition, Math.max(0, end - offset));
  }

  /** @returns false if it rejects the records; the client then fetches them again */
  #takeIn(place: Place, fetched: Fetched<FetchedRecord>): boolean {
    if (this.#assignment === undefined || !isIn(this.#assignment.partitions, place)) return false;
    const { topic, partition } = place;
    if (this.options.closing.aborted) {
      // Pauses the partition; otherwise, the client would fetch the same records again until the session ends.
      this.#consumer.pause(place);
      return false;
    }
    const worker = this.#worker(this.#assignment, topic, partition);
    if (this.options.observer !== undefined) this.#assignment.ends.set(`${topic}/${partition}`, fetched.endOffset);
    return worker.accept(fetched, () => this.#pause(place));
  }

  /** @returns a function that resumes fetching from this partition */
  #pause(place: Place): () => void {
    this.#consumer.pause(place);
    return () => this.#consumer.resume(place);
  }

  #worker(assignment: Assignment, topic: string, partition: number): PartitionWorker {
    const { workers, committer, signal } = assignment;
    const key = `${topic}/${partition}`;
    const known = workers.get(key);
    if (known !== undefined) return known;
    const { memory, recordsPerBatchMax, handle, deadLetter, stop, log } = this.options;
    const commit = (offset: number) => {
      committer.mark({ topic, partition, offset });
      this.#observeLag(assignment, { topic, partition, offset });
    };
    const own = this.#ownPosition(topic, partition);
    const steps = { recordsPerBatchMax, handle, deadLetter, commit, stop, signal, log };
    const worker = new PartitionWorker(key, memory, own === undefined ? steps : { ...steps, own });
    workers.set(key, worker);
    return worker;
  }

  #ownPosition(topic: string, partition: number): OwnPosition | undefined {
    const { positions, topicPrefix } = this.options;
    if (positions === undefined) return undefined;
    const place = { topic, partition };
    return {
      begin: (isMadeAnew) => positions.begin(topic.slice(topicPrefix.length), partition, isMadeAnew),
      seek: (offset) => this.#consumer.seek(place, offset),
      pause: () => this.#pause(place),
    };
  }
}

function isIn(assigned: Assigned, { topic, partition }: Place): boolean {
  return assigned[topic]?.includes(partition) === true;
}
