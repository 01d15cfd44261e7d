import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { deadLetterTopic, isDeadLetterTopic } from "@tripline/contracts/topics";
import type { ClientLibrary, FetchedRecord } from "../client/client-library.js";
import type { ConsumerOptions, EventConsumer, Log, RecordBatch } from "../port.js";
import type { RawProducer } from "../producer/open-producer.js";
import { openProducer, sizeOf } from "../producer/open-producer.js";
import { DEAD_LETTER_BYTES_MAX } from "../topic-config.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, settlesWithin, wait } from "../wait-backoff.js";
import { ConsumerSession } from "./consumer-session.js";
import { deadLetter, letterByReference } from "./dead-letter.js";
import { FailingPartitions } from "./failing-partitions.js";
import type { PartitionMemory } from "./partition-worker.js";
import { UnreadBatch } from "./unread-batch.js";
import { WorkGatherer } from "./work-gatherer.js";

const RECORDS_PER_BATCH_MAX = 500;
const ROUNDS_MAX = 6;
/** By default, each batch is handled separately. */
const RECORDS_TOGETHER_MAX = 1;
const RESTART: Backoff = { firstMs: 250, maxMs: 2_000 };
/** After a session that lasted this long, the backoff restarts. */
const GOOD_SESSION_MS = 10_000;
const DRAIN_MS_MAX = 5_000;

export interface ConsumeDependencies {
  readonly library: ClientLibrary;
  readonly topicPrefix: string;
  readonly log: Log;
}

/** A consumer that starts immediately and runs until it is closed. It starts a new session after each failure. */
export function consumeTopics(dependencies: ConsumeDependencies, options: ConsumerOptions): EventConsumer {
  const consumer = new SupervisedConsumer(dependencies, options);
  consumer.start();
  return consumer;
}

class SupervisedConsumer implements EventConsumer {
  readonly ready: Promise<void>;
  readonly #memory: PartitionMemory = {
    handledTo: new Map(),
    working: new Map(),
    failing: new FailingPartitions((key, sinceMs) => this.#observeFailing(key, sinceMs)),
  };
  readonly #gatherer: WorkGatherer<RecordBatch>;
  readonly #closing = new AbortController();
  #markReady: () => void = () => {};
  #markNeverReady: (error: TriplineError) => void = () => {};
  #session: ConsumerSession | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #deadLetters: Promise<RawProducer> | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly dependencies: ConsumeDependencies,
    private readonly options: ConsumerOptions,
  ) {
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#markNeverReady = reject;
    });
    // Prevents an unhandled rejection if the caller does not await `ready`.
    this.ready.catch(() => {});
    this.#gatherer = new WorkGatherer({
      doTogether: (batches) => options.handle(batches),
      sizeOf: ({ records }) => records.length,
      sizeMax: options.recordsTogetherMax ?? RECORDS_TOGETHER_MAX,
      roundsMax: options.roundsMax ?? ROUNDS_MAX,
    });
  }

  start(): void {
    this.#supervision = this.#supervise();
  }

  isHealthy(): boolean {
    return !this.#closing.signal.aborted && this.#session?.isHealthy() === true;
  }

  stuck(afterMs?: number): TriplineError | undefined {
    return this.#memory.failing.stuck(afterMs);
  }

  commit(topic: string, partition: number, offset: number): void {
    this.#session?.commit({ topic: this.dependencies.topicPrefix + topic, partition, offset });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      const session = this.#newSession();
      this.#session = session;
      const startedAtMs = performance.now();
      const cause = await session.run();
      this.#session = undefined;
      if (signal.aborted) return;
      const wasGood = session.hasJoined && performance.now() - startedAtMs > GOOD_SESSION_MS;
      failures = wasGood ? 1 : failures + 1;
      const waitMs = backoffMs(RESTART, failures);
      const message = cause instanceof Error ? cause.message : String(cause);
      this.dependencies.log("warn", "consumer: restarting", { group: this.options.group, cause: message, waitMs });
      await wait(waitMs, signal);
    }
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#markNeverReady(new TriplineError("shutting-down", "The consumer was closed"));
    const isDrained = await settlesWithin(DRAIN_MS_MAX, Promise.allSettled(this.#memory.working.values()));
    if (!isDrained)
      this.dependencies.log("warn", "consumer: closing while a handler is running", { waitedMs: DRAIN_MS_MAX });
    await this.#session?.close();
    await this.#supervision;
    await (await this.#deadLetters)?.close();
  }

  #newSession(): ConsumerSession {
    const { library, topicPrefix, log } = this.dependencies;
    const { recordsTogetherMax, recordsPerBatchMax = recordsTogetherMax ?? RECORDS_PER_BATCH_MAX } = this.options;
    return new ConsumerSession({
      library,
      topicPrefix,
      log,
      group: topicPrefix + this.options.group,
      topics: this.options.topics.map((topic) => topicPrefix + topic),
      recordsPerBatchMax,
      memory: this.#memory,
      closing: this.#closing.signal,
      ...(this.options.positions === undefined ? {} : { positions: this.options.positions }),
      ...(this.options.observer === undefined ? {} : { observer: this.options.observer }),
      handle: (records, isRepeated) => this.#handle(records, isRepeated),
      deadLetter: (record, error) => this.#deadLetter(record, error),
      stop: (error) => this.#stop(error),
      ready: () => this.#markReady(),
    });
  }

  async #handle(records: readonly FetchedRecord[], isRepeated: boolean): Promise<void> {
    const [first] = records;
    if (first === undefined) return;
    // Treated as an error of the handler: `handleChunk` isolates the batch and dead-letters it.
    for (const { raw } of records) if (raw instanceof UnreadBatch) throw raw.error;
    // One call per partition, so that a permanent failure in one partition does not block the other partitions of the
    // same fetch.
    await this.#gatherer.run({ topic: first.topic, partition: first.partition, records }, isRepeated);
  }

  async #deadLetter(record: FetchedRecord, error: TriplineError): Promise<void> {
    const { group, observer, positions } = this.options;
    const { topic, partition, offset } = record;
    // A dead letter that cannot be handled stays in its topic, because dead-letter topics have no dead-letter topic.
    if (!isDeadLetterTopic(topic)) await this.#sendLetter(record, error);
    this.dependencies.log("error", "consumer: dead letter", { group, topic, partition, offset, code: error.code });
    observer?.deadLetter(topic, error.code);
    positions?.deadLettered(topic, partition, offset, error);
  }

  async #sendLetter(record: FetchedRecord, error: TriplineError): Promise<void> {
    this.#deadLetters ??= openProducer(this.dependencies);
    const producer = await this.#deadLetters;
    const [letters, { group }] = [deadLetterTopic(record.topic), this.options];
    const whole = deadLetter(record, error, group);
    if (!(record.raw instanceof UnreadBatch) && sizeOf(whole) <= DEAD_LETTER_BYTES_MAX) {
      try {
        return await producer.sendRaw(letters, whole);
      } catch (thrown) {
        // The topic may have a lower size limit than Tripline's own topics.
        if (asTriplineError(thrown).code !== "body-too-large") throw thrown;
      }
    }
    await producer.sendRaw(letters, letterByReference(record, error, group));
  }

  /** @param key prefixed topic and partition */
  #observeFailing(key: string, sinceMs: number | undefined): void {
    const at = key.lastIndexOf("/");
    const topic = key.slice(this.dependencies.topicPrefix.length, at);
    this.options.observer?.failing(topic, Number(key.slice(at + 1)), sinceMs);
  }

  #stop(error: TriplineError): void {
    if (this.#closed !== undefined) return;
    this.dependencies.log("error", "consumer: stopping", { code: error.code, error: error.message });
    void this.close().then(() => this.options.onStop(error));
  }
}
