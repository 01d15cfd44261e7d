import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { FetchedRecord } from "../client/client-library.js";
import type { Log } from "../port.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, wait } from "../wait-backoff.js";
import type { FailingPartitions } from "./failing-partitions.js";
import type { ChunkSteps } from "./handle-chunk.js";
import { handleChunk } from "./handle-chunk.js";
import type { Fetched } from "./partition-queue.js";
import { PartitionQueue } from "./partition-queue.js";

const BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000 };
/** Fetching pauses while more than this, or more than two chunks, are waiting. */
const QUEUED_BYTES_MAX = 4 * 1024 ** 2;

/** State shared by all assignments of a consumer, by `topic/partition`. At most one entry per existing partition. */
export interface PartitionMemory {
  /** The offset up to which records are done. */
  readonly handledTo: Map<string, number>;
  /** Settles when the work on a partition, possibly by an earlier assignment, has ended. */
  readonly working: Map<string, Promise<void>>;
  readonly failing: FailingPartitions;
}

/** The position of a partition whose handler stores positions itself. */
export interface OwnPosition {
  /** @param isMadeAnew see `OwnPositions.begin` */
  begin(isMadeAnew: boolean): Promise<number>;
  /** The next fetch will start at `offset`. */
  seek(offset: number): void;
  /** Pauses fetching this partition; the returned function resumes it. */
  pause(): () => void;
}

export interface PartitionSteps {
  /** If absent, the worker starts at the group's committed offset and commits what was handled. */
  readonly own?: OwnPosition;
  readonly recordsPerBatchMax: number;
  handle(records: readonly FetchedRecord[], isRepeated: boolean): Promise<void>;
  deadLetter(record: FetchedRecord, error: TriplineError): Promise<void>;
  /** Called when everything before `offset` is done. */
  commit(offset: number): void;
  stop(error: TriplineError): void;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** One partition during one assignment: accepts fetched records and handles them, one chunk at a time. */
export class PartitionWorker {
  readonly #queue: PartitionQueue<FetchedRecord>;
  #isWorking = false;
  #isBegun: boolean;
  #resume: (() => void) | undefined;

  constructor(
    private readonly key: string,
    private readonly memory: PartitionMemory,
    private readonly steps: PartitionSteps,
  ) {
    this.#queue = new PartitionQueue(steps.own === undefined ? memory.handledTo.get(key) : undefined);
    this.#isBegun = steps.own === undefined;
  }

  /**
   * For a handler with its own positions: requests the start position. Until it is known, no records are accepted.
   *
   * @param isMadeAnew see `OwnPositions.begin`
   */
  begin(isMadeAnew = false): void {
    const { own } = this.steps;
    if (own === undefined) return;
    this.#isBegun = false;
    this.#resume ??= own.pause();
    this.#enqueue(() => this.#begin(own, isMadeAnew));
  }

  /**
   * Accepts fetched records; returns false if they must be fetched again. If more than two chunks or `QUEUED_BYTES_MAX`
   * are waiting, the partition is paused, so that at most that much plus one fetch (1 MiB, or `UNPACKED_BYTES_MAX`) is
   * in memory.
   *
   * @param pause pauses fetching this partition; the returned function resumes it
   */
  accept(fetched: Fetched<FetchedRecord>, pause: () => () => void): boolean {
    if (!this.#isBegun) return false;
    if (this.steps.own !== undefined && this.#queue.isMadeAnew(fetched)) {
      this.begin(true);
      return false;
    }
    if (!this.#queue.accept(fetched)) return false;
    const handledTo = this.memory.handledTo.get(this.key);
    if (handledTo !== undefined && handledTo > fetched.endOffset) this.memory.handledTo.delete(this.key);
    else if (handledTo !== undefined && handledTo > fetched.askedFrom) this.steps.commit(handledTo);
    const { size, bytes } = this.#queue;
    if (size > 2 * this.steps.recordsPerBatchMax || bytes > QUEUED_BYTES_MAX) this.#resume ??= pause();
    if (!this.#isWorking && this.#queue.size > 0) this.#start();
    return true;
  }

  /** The assignment has ended: resumes the partition for its next owner. */
  end(): void {
    this.release();
    this.memory.failing.ended(this.key);
  }

  /** Resumes fetching the partition. */
  release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  #start(): void {
    this.#isWorking = true;
    this.#enqueue(async () => {
      this.#skipHandled();
      await this.#work();
    });
  }

  /** @param work never rejects; starts when earlier work on this partition has ended */
  #enqueue(work: () => Promise<void>): void {
    const { working } = this.memory;
    const before = working.get(this.key) ?? Promise.resolve();
    const done = before.then(work).finally(() => {
      if (working.get(this.key) === done) working.delete(this.key);
    });
    working.set(this.key, done);
  }

  /** Never rejects. Retries while the partition is assigned, because no record can be handled before this succeeds. */
  async #begin(own: OwnPosition, isMadeAnew: boolean): Promise<void> {
    const { signal, log, stop } = this.steps;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        const offset = await own.begin(isMadeAnew);
        if (signal.aborted) return;
        this.#queue.startAt(offset);
        own.seek(offset);
        this.#isBegun = true;
        this.memory.failing.ended(this.key);
        this.release();
        return;
      } catch (thrown) {
        const error = asTriplineError(thrown);
        if (error.row.kafka === "stop") {
          stop(error);
          return;
        }
        if (!signal.aborted) this.memory.failing.failed(this.key, error);
        const waitMs = backoffMs(BACKOFF, tries);
        const extra = { partition: this.key, code: error.code, error: error.message, tries, waitMs };
        log("warn", "consumer: requesting the start position again", extra);
        await wait(waitMs, signal);
      }
    }
  }

  /** An earlier assignment may have handled some of the queued records in the meantime. */
  #skipHandled(): void {
    const handledTo = this.memory.handledTo.get(this.key);
    if (handledTo === undefined) return;
    const before = this.#queue.size;
    this.#queue.skipTo(handledTo);
    if (this.#queue.size < before) this.steps.commit(handledTo);
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    const { recordsPerBatchMax, signal } = this.steps;
    try {
      while (this.#queue.size > 0 && !signal.aborted) {
        const chunk = this.#queue.take(recordsPerBatchMax);
        // Resume before handling the chunk, so that the next fetch runs in parallel.
        if (this.#queue.size <= recordsPerBatchMax && this.#queue.bytes <= QUEUED_BYTES_MAX) this.release();
        await handleChunk(chunk, this.#chunkSteps());
      }
    } catch (thrown) {
      this.steps.stop(asTriplineError(thrown));
    } finally {
      // Reset in the same turn of the event loop as the last check, so that later records restart the work.
      this.#isWorking = false;
    }
  }

  #chunkSteps(): ChunkSteps<FetchedRecord> {
    const { handle, deadLetter, commit, signal, log } = this.steps;
    const { failing } = this.memory;
    return {
      handle,
      deadLetter,
      signal,
      log: (level, message, extra) => log(level, message, { partition: this.key, ...extra }),
      failing: (error) => failing.failed(this.key, error),
      done: (last) => {
        failing.ended(this.key);
        if (this.steps.own !== undefined) return;
        this.memory.handledTo.set(this.key, last.offset + 1);
        commit(last.offset + 1);
      },
    };
  }
}
