import type { TriplineError } from "@tripline/contracts/error-table";
import type { Batch, Consumer, EachBatchPayload, IMemberAssignment, RetryOptions, TopicOffsets } from "kafkajs";
import type { Client, OpenClient } from "../open-client.js";
import type { ConsumerObserver, Log, OwnPositions } from "../port.js";
import { settlesWithin } from "../wait-backoff.js";
import type { FetchedRecord } from "./dead-letter.js";
import { asFetchedRecord } from "./dead-letter.js";
import { patchFetchResponse } from "./fetch/patch-fetch-response.js";
import type { PartitionOffset } from "./offset-committer.js";
import { OffsetCommitter } from "./offset-committer.js";
import type { Fetched } from "./partition-queue.js";
import type { OwnPosition, PartitionMemory } from "./partition-worker.js";
import { PartitionWorker } from "./partition-worker.js";

const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** How long the group waits for its members to join again. They notice at their next heartbeat. */
const REBALANCE_MS = 15_000;
/** How long a fetch waits for records. Records end the wait; a partition that is fetched again waits for its end. */
const FETCH_MS = 100;
const FETCH_BYTES_PER_PARTITION = 1024 ** 2;
const REQUEST_MS_MAX = 5_000;
/**
 * kafkajs tries for as long as Kafka is away, and stays the member of its group that it was. A new member would have to
 * wait until the session of the old one has run out. The bound is `SILENCE_MS_MAX` with a connection, or the end.
 */
const RETRY: RetryOptions = {
  initialRetryTime: 100,
  multiplier: 1.5,
  factor: 0.2,
  maxRetryTime: 500,
  retries: Number.MAX_SAFE_INTEGER,
};
const LEAVE_MS_MAX = 2_000;
/** Longer than joining a group can take. Connected and silent for longer than that, kafkajs is taken to hang. */
const SILENCE_MS_MAX = 30_000;
const WATCH_MS = 1_000;

export interface SessionOptions {
  readonly openClient: OpenClient;
  /** Group and topics with the prefix. */
  readonly group: string;
  readonly topics: readonly string[];
  readonly topicPrefix: string;
  readonly recordsPerBatchMax: number;
  readonly memory: PartitionMemory;
  readonly log: Log;
  /** Aborted when the consumer closes: nothing is tried again, nothing more is taken in. */
  readonly closing: AbortSignal;
  readonly positions?: OwnPositions;
  readonly observer?: ConsumerObserver;
  handle(records: readonly FetchedRecord[], isRepeated: boolean): Promise<void>;
  bury(record: FetchedRecord, error: TriplineError): Promise<void>;
  stop(error: TriplineError): void;
  /** Partitions are assigned and being fetched. */
  ready(): void;
}

/** The partitions that this member has, from one rebalance to the next. */
interface Assignment {
  readonly partitions: IMemberAssignment;
  readonly ended: AbortController;
  readonly signal: AbortSignal;
  readonly committer: OffsetCommitter;
  readonly workers: Map<string, PartitionWorker>;
  /** Where each partition ended when it was fetched last; kept only where somebody observes the lag. */
  readonly ends: Map<string, number>;
}

/**
 * One life of a kafkajs consumer, from connecting until it fails. kafkajs only fetches, sends heartbeats and commits
 * here; `eachBatch` puts records into a queue per partition and returns at once. Were they handled inside `eachBatch`,
 * the slowest partition would hold up the next fetch of all others and, during a rebalance, the heartbeats: that is how
 * kafkajs groups come to rebalance for ever (tulios/kafkajs #1566, #1720).
 */
export class ConsumerSession {
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #failed: Promise<unknown>;
  #fail: (error: unknown) => void = () => {};
  #assignment: Assignment | undefined;
  #commit: EachBatchPayload["commitOffsetsIfNecessary"] | undefined;
  #aliveAtMs = performance.now();
  #awayAtMs = 0;
  #isMember = false;
  #isOver = false;

  constructor(private readonly options: SessionOptions) {
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    patchFetchResponse();
    this.#client = options.openClient({ requestMsMax: REQUEST_MS_MAX, retry: RETRY });
    this.#consumer = this.#client.kafka.consumer({
      groupId: options.group,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      minBytes: 1,
      maxWaitTimeInMs: FETCH_MS,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      allowAutoTopicCreation: false,
      // Starting again is the caller's, with a fresh kafkajs: it does not always clean up what it crashed with.
      retry: { ...RETRY, restartOnFailure: async () => false },
    });
  }

  /** Whether it has joined its group at all. */
  get hasJoined(): boolean {
    return this.#assignment !== undefined;
  }

  isHealthy(): boolean {
    return this.#isMember && performance.now() - this.#aliveAtMs < SESSION_MS;
  }

  /** For a partition of the present assignment; its topic with the prefix. */
  commit(offset: PartitionOffset): void {
    if (this.#assignment === undefined || !isIn(this.#assignment.partitions, offset)) return;
    this.#assignment.committer.mark(offset);
    this.#observeLag(this.#assignment, offset);
  }

  /** Resolves with the cause when kafkajs has failed for good or hangs; not before. */
  async run(): Promise<unknown> {
    this.#listen();
    const watch = setInterval(() => this.#watch(), WATCH_MS);
    this.#start().catch(this.#fail);
    const cause = await this.#failed;
    this.#isOver = true;
    clearInterval(watch);
    this.#isMember = false;
    this.#endAssignment();
    this.#client.destroy();
    return cause;
  }

  /** Ends `run`: commits what was handled, leaves the group, disconnects. Handlers should have ended before. */
  async close(): Promise<void> {
    this.#isMember = false;
    if (this.#assignment !== undefined) await settlesWithin(LEAVE_MS_MAX, this.#assignment.committer.idle());
    this.#isOver = true;
    const left = this.#consumer.disconnect();
    if (this.#client.isConnected()) await settlesWithin(LEAVE_MS_MAX, left);
    // Whatever kafkajs still tries now ends, and with it the waiting.
    this.#client.destroy();
    await settlesWithin(LEAVE_MS_MAX, left);
    this.#fail(new Error("closed"));
  }

  async #start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => this.#takeIn(payload),
    });
  }

  #watch(): void {
    const nowMs = performance.now();
    if (!this.#client.isConnected()) this.#awayAtMs = nowMs;
    const silentMs = nowMs - Math.max(this.#aliveAtMs, this.#awayAtMs);
    if (silentMs > SILENCE_MS_MAX) this.#fail(new Error(`no sign of life for ${Math.round(silentMs)} ms`));
  }

  #listen(): void {
    const { events } = this.#consumer;
    const alive = () => {
      this.#aliveAtMs = performance.now();
    };
    this.#consumer.on(events.HEARTBEAT, alive);
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      alive();
      this.#begin(payload.memberAssignment);
    });
    this.#consumer.on(events.FETCH_START, () => {
      if (this.#assignment !== undefined) this.options.ready();
    });
    const { observer } = this.options;
    if (observer?.fetched !== undefined) {
      // kafkajs emits FETCH also after a lost connection, and for a broker that it asked for nothing.
      this.#consumer.on(events.REQUEST, ({ payload }) => {
        if (payload.apiName === "Fetch") observer.fetched?.();
      });
    }
    this.#consumer.on(events.CRASH, ({ payload }) => this.#fail(payload.error));
  }

  #begin(partitions: IMemberAssignment): void {
    this.#endAssignment();
    const ended = new AbortController();
    const committer = new OffsetCommitter(
      {
        commit: async (offsets) => {
          await this.#commit?.({ topics: byTopic(offsets) });
        },
        isConnected: () => this.#client.isConnected(),
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

  #takeIn({ batch, pause, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload): void {
    const { topic, partition } = batch;
    // What was fetched for an assignment that has ended is dropped.
    if (this.#assignment === undefined || !isIn(this.#assignment.partitions, { topic, partition })) return;
    if (this.options.closing.aborted) {
      // Paused as well, or it would be fetched again and again until the end.
      pause();
      return;
    }
    this.#commit = commitOffsetsIfNecessary;
    const worker = this.#worker(this.#assignment, topic, partition);
    const fetched = this.#read(batch);
    if (this.options.observer !== undefined) this.#assignment.ends.set(`${topic}/${partition}`, fetched.endOffset);
    if (worker.accept(fetched, pause)) resolveOffset(batch.lastOffset());
  }

  #worker(assignment: Assignment, topic: string, partition: number): PartitionWorker {
    const { workers, committer, signal } = assignment;
    const key = `${topic}/${partition}`;
    const known = workers.get(key);
    if (known !== undefined) return known;
    const { memory, recordsPerBatchMax, handle, bury, stop, log } = this.options;
    const commit = (offset: number) => {
      committer.mark({ topic, partition, offset });
      this.#observeLag(assignment, { topic, partition, offset });
    };
    const own = this.#ownPosition(topic, partition);
    const steps = { recordsPerBatchMax, handle, bury, commit, stop, signal, log };
    const worker = new PartitionWorker(key, memory, own === undefined ? steps : { ...steps, own });
    workers.set(key, worker);
    return worker;
  }

  #ownPosition(topic: string, partition: number): OwnPosition | undefined {
    const { positions, topicPrefix } = this.options;
    if (positions === undefined) return undefined;
    const place = [{ topic, partitions: [partition] }];
    return {
      begin: (isMadeAnew) => positions.begin(topic.slice(topicPrefix.length), partition, isMadeAnew),
      seek: (offset) => this.#consumer.seek({ topic, partition, offset: String(offset) }),
      pause: () => {
        this.#consumer.pause(place);
        return () => {
          // kafkajs throws when its consumer has ended, and then there is nothing to go on with.
          if (!this.#isOver) this.#consumer.resume(place);
        };
      },
    };
  }

  #read(batch: Batch): Fetched<FetchedRecord> {
    const topic = batch.topic.slice(this.options.topicPrefix.length);
    const records = batch.messages.map((message) => asFetchedRecord(topic, batch.partition, message));
    // kafkajs has this field, though its types do not tell.
    const asked: unknown = Reflect.get(batch, "fetchedOffset");
    return {
      askedFrom: typeof asked === "string" ? Number(asked) : (records[0]?.offset ?? 0),
      nextOffset: Number(batch.lastOffset()) + 1,
      endOffset: Number(batch.highWatermark),
      records,
    };
  }
}

function isIn(assigned: IMemberAssignment, { topic, partition }: Omit<PartitionOffset, "offset">): boolean {
  return assigned[topic]?.includes(partition) === true;
}

function byTopic(offsets: readonly PartitionOffset[]): TopicOffsets[] {
  const topics = new Map<string, TopicOffsets>();
  for (const { topic, partition, offset } of offsets) {
    const entry = topics.get(topic) ?? { topic, partitions: [] };
    entry.partitions.push({ partition, offset: String(offset) });
    topics.set(topic, entry);
  }
  return [...topics.values()];
}
