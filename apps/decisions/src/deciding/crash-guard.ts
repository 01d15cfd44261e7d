import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { Attempt } from "./attempt-store.js";
import { AttemptStore } from "./attempt-store.js";
import { BatchDecider } from "./batch-decider.js";

/** After this many processes have stopped on the same offsets, their records are decided one by one. */
const STOPS_MAX = 3;
/**
 * After an assignment, attempts are written for this many records, which is more than a process decides between
 * commits.
 */
const WATCHED_RECORDS = 2_000;
/** Maximum number of unsafe records per partition; the oldest are dropped. */
const UNSAFE_MAX = 100;
/** Number of polls without progress after which a process that is deciding a single record is considered stopped. */
const IDLE_POLLS = 10;
const POLLS_MAX = 60;
const POLL_MS = 500;

/** State of a partition since it was assigned. */
interface Partition {
  /** The offset after the last decided record. */
  next: number;
  /** Number of records that are still guarded. */
  recordsToGuard: number;
  /** As in `Attempt`. */
  stops: number;
  /** The last offset at which other processes stopped; -1 if there is none. */
  suspectTo: number;
  unsafe: string[];
  /**
   * Whether the previous attempt was read. Until then, no attempt is written, because it would overwrite the previous
   * one.
   */
  isRead: boolean;
}

/**
 * Detects a record that stops every process that evaluates it, so that it cannot stop all processes to which its
 * partition is assigned. A restarted process receives the same offsets again. Therefore, before a process decides the
 * first records of a partition, it writes an attempt with their offsets to Redis. If several processes in a row leave
 * an attempt at the same offsets unfinished, the next process decides these records one by one. A record that then
 * stops the process is no longer evaluated. For later records, this costs only a map lookup per batch. If Redis rejects
 * the attempts, payments are decided without them.
 */
@Injectable()
export class CrashGuard {
  readonly #owner = randomUUID();
  readonly #partitions = new Map<string, Partition>();
  /**
   * Serial queue for records that are decided one by one, across all partitions: if a process then stops, the cause can
   * only be one record.
   */
  #alone: Promise<void> = Promise.resolve();

  constructor(
    @Inject(AttemptStore) private readonly attempts: AttemptStore,
    @Inject(BatchDecider) private readonly decider: Pick<BatchDecider, "handle">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Resolves when `BatchDecider.handle` does. If a batch is watched, resolves only when all work has finished.
   *
   * @throws TriplineError like `BatchDecider.handle`
   */
  async handle(batches: readonly RecordBatch[]): Promise<Unfinished> {
    const watched = batches.filter((batch) => this.#isWatched(batch));
    if (watched.length > 0) {
      await this.#handleWatched(batches, watched);
      return new Unfinished(Promise.resolve());
    }
    const { finished } = await this.decider.handle(batches);
    return new Unfinished(
      finished.then(() => {
        for (const batch of batches) this.#advance(batch);
      }),
    );
  }

  async #handleWatched(batches: readonly RecordBatch[], watched: readonly RecordBatch[]): Promise<void> {
    await Promise.all(watched.map((batch) => this.#begin(batch)));
    const suspects = watched.filter((batch) => this.#isSuspect(batch));
    const others = batches.filter((batch) => !suspects.includes(batch));
    if (others.length > 0) {
      await (await this.decider.handle(others, this.#unsafeOf(others))).finished;
      for (const batch of others) this.#advance(batch);
      await Promise.all(others.filter((batch) => watched.includes(batch)).map((batch) => this.#end(batch)));
    }
    for (const batch of suspects) await this.#runExclusive(() => this.#decideOneByOne(batch));
  }

  /**
   * Whether a process may have stopped on these offsets before: true after an assignment, until enough were decided
   * here.
   */
  #isWatched(batch: RecordBatch): boolean {
    const known = this.#partitions.get(keyOf(batch));
    return known === undefined || known.recordsToGuard > 0 || known.next !== firstOf(batch);
  }

  #isSuspect(batch: RecordBatch): boolean {
    const { stops, suspectTo } = this.#known(batch);
    return stops >= STOPS_MAX && firstOf(batch) <= suspectTo;
  }

  async #begin(batch: RecordBatch): Promise<void> {
    let known = this.#partitions.get(keyOf(batch));
    if (known === undefined || known.next !== firstOf(batch)) {
      const next = firstOf(batch);
      known = { next, recordsToGuard: WATCHED_RECORDS, stops: 0, suspectTo: -1, unsafe: [], isRead: false };
      this.#partitions.set(keyOf(batch), known);
    }
    if (!known.isRead) await this.#readEarlierAttempt(batch, known);
    if (known.stops > 0 && firstOf(batch) > known.suspectTo) known.stops = 0;
    await this.#write(batch, { isOpen: true });
  }

  async #readEarlierAttempt(batch: RecordBatch, known: Partition): Promise<void> {
    let earlier: Attempt | undefined;
    try {
      earlier = await this.#earlierAttempt(batch);
    } catch (error) {
      this.#warn(error);
      return;
    }
    known.isRead = true;
    if (earlier === undefined) return;
    known.unsafe = earlier.unsafe;
    known.stops = earlier.stops;
    known.suspectTo = earlier.to;
    if (earlier.isOpen && earlier.owner !== this.#owner) this.#countStop(batch, earlier, known);
  }

  #countStop({ topic, partition }: RecordBatch, earlier: Attempt, known: Partition): void {
    const { logger } = this;
    const { from, to, alone } = earlier;
    const where = { topic, partition, from, to };
    if (alone === undefined) {
      known.stops += 1;
      logger.warn({ ...where, stops: known.stops }, "a process crashed or was stopped while deciding these offsets");
      return;
    }
    known.unsafe = [...known.unsafe, alone].slice(-UNSAFE_MAX);
    // A caller that sent one such payment may have sent more.
    known.suspectTo = Math.max(known.suspectTo, from + WATCHED_RECORDS);
    logger.error({ ...where, record: alone }, "this record crashes the process, so it gets the default decision");
  }

  /** Another process may still be deciding a record, unaware that it lost the partition. */
  async #earlierAttempt({ topic, partition }: RecordBatch): Promise<Attempt | undefined> {
    const { attempts } = this;
    let found = await attempts.read(topic, partition);
    for (let [polls, idle] = [0, 0]; polls < POLLS_MAX && idle < IDLE_POLLS; polls += 1) {
      if (found?.alone === undefined || !found.isOpen || found.owner === this.#owner) return found;
      await delay(POLL_MS);
      const later = await attempts.read(topic, partition);
      idle = isDeepStrictEqual(later, found) ? idle + 1 : 0;
      found = later;
    }
    return found;
  }

  async #decideOneByOne(batch: RecordBatch): Promise<void> {
    const known = this.#known(batch);
    for (const record of batch.records) {
      const one = { ...batch, records: [record] };
      const isUnsafe = known.unsafe.includes(nameOf(record));
      await this.#write(one, { isOpen: true, ...(isUnsafe ? {} : { alone: nameOf(record) }) });
      await (await this.decider.handle([one], isUnsafe ? new Set([record]) : undefined)).finished;
      this.#advance(one);
    }
    await this.#end(batch);
  }

  async #runExclusive(task: () => Promise<void>): Promise<void> {
    const run = this.#alone.then(task);
    this.#alone = run.catch(() => {});
    await run;
  }

  #unsafeOf(batches: readonly RecordBatch[]): ReadonlySet<IncomingRecord> {
    const unsafe = batches.flatMap((batch) => {
      const names = this.#partitions.get(keyOf(batch))?.unsafe ?? [];
      return names.length === 0 ? [] : batch.records.filter((record) => names.includes(nameOf(record)));
    });
    return new Set(unsafe);
  }

  #advance(batch: RecordBatch): void {
    const known = this.#known(batch);
    known.next = lastOf(batch) + 1;
    known.recordsToGuard = Math.max(0, known.recordsToGuard - batch.records.length);
  }

  /** Finished records do not say anything about later offsets. */
  #end(batch: RecordBatch): Promise<void> {
    return this.#write(batch, { isOpen: false });
  }

  async #write(batch: RecordBatch, change: Pick<Attempt, "isOpen" | "alone">): Promise<void> {
    const { stops, suspectTo, unsafe, isRead } = this.#known(batch);
    if (!isRead) return;
    const to = stops === 0 ? lastOf(batch) : Math.max(lastOf(batch), suspectTo);
    const one = { owner: this.#owner, from: firstOf(batch), to, stops, unsafe, ...change };
    await this.attempts.write(batch.topic, batch.partition, one).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    const { code, message } = asTriplineError(error);
    this.logger.warn({ code }, `payments are decided without protection against crash loops: ${message}`);
  }

  #known(batch: RecordBatch): Partition {
    const known = this.#partitions.get(keyOf(batch));
    if (known === undefined) throw new TriplineError("internal", `There is no state for ${keyOf(batch)}.`);
    return known;
  }
}

function keyOf({ topic, partition }: RecordBatch): string {
  return `${topic}/${partition}`;
}

function firstOf({ records }: RecordBatch): number {
  return records[0]?.offset ?? 0;
}

function lastOf({ records }: RecordBatch): number {
  return records.at(-1)?.offset ?? 0;
}

/** Includes the time, because an offset refers to a different record after the topic is recreated. */
function nameOf({ offset, timestampMs }: IncomingRecord): string {
  return `${offset}@${timestampMs}`;
}
