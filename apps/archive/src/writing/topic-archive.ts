import { randomBytes } from "node:crypto";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { RecordBatch } from "@tripline/kafka/port";
import { SerialQueue } from "@tripline/kafka/serial-queue";
import { backoffMs, wait } from "@tripline/kafka/wait-backoff";
import { stagedRowsPrefix } from "@tripline/lake/lake-layout";
import type { LakeTable } from "@tripline/lake/lake-tables";
import type { TopicLog } from "@tripline/lake/log/topic-log";
import type { Logger } from "@tripline/telemetry/logger";
import type { ArchiveMetrics } from "../archive-metrics.js";
import { readRecord } from "./read-record.js";
import type { Snapshot } from "./row-buffer.js";
import { RowBuffer } from "./row-buffer.js";
import type { StagedWriter } from "./staged-writer.js";

const BACKOFF = { firstMs: 200, maxMs: 10_000 };
/**
 * Maximum number of times that a flush starts again because another instance was faster. Each retry has less to write.
 */
const OVERTAKEN_MAX = 100;
/** Longer than a restart of a partition, which takes at most 15 s: 10 s in Kafka and 5 s after that. */
const BEGIN_FAULT_MS = 20_000;
/** Above this multiple of the flush limits, the archive accepts no more records until a flush succeeds. */
const HELD_SHARE_MAX = 2;

export interface FlushLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly ageMs: number;
}

/** The last write of a topic, and the current failure, if any. */
export interface Writing {
  readonly topic: string;
  /** Null until this process has written something. */
  readonly written: {
    readonly ended_at: string;
    readonly took_ms: number;
    readonly rows: number;
    readonly files: number;
  } | null;
  readonly failure: string | null;
}

export interface TopicArchiveOptions {
  readonly table: LakeTable;
  readonly limits: FlushLimits;
  readonly writer: StagedWriter;
  readonly metrics: ArchiveMetrics;
  readonly logger: Logger;
  /** Opens the topic's log; called until it succeeds once. */
  openLog(): Promise<TopicLog>;
  /** The offset of Kafka's next record, by partition. */
  endOffsets(): Promise<ReadonlyMap<number, number>>;
  /** Called when all records of the partition before `offset` are in the lake. */
  commit(partition: number, offset: number): void;
}

/** Archives one topic: buffers records, and writes them when there are enough or the oldest is old enough. */
export class TopicArchive {
  readonly #buffer = new RowBuffer();
  readonly #turns = new SerialQueue();
  readonly #closing = new AbortController();
  readonly #committed = new Map<number, number>();
  #log: TopicLog | undefined;
  #preparing: Promise<ReadonlyMap<number, number>> | undefined;
  /** By partition. Each fault expires, because the partition may have moved to another instance. */
  readonly #beginFaults = new Map<number, { readonly error: TriplineError; readonly atMs: number }>();
  #flushFault: TriplineError | undefined;
  #written: Writing["written"] = null;
  #changed = Promise.withResolvers<void>();
  #loop: Promise<void> = Promise.resolve();

  constructor(private readonly options: TopicArchiveOptions) {}

  start(): void {
    this.#loop = this.#run();
  }

  /** @throws TriplineError that explains why nothing can currently be written to the lake */
  check(): void {
    const sinceMs = performance.now() - BEGIN_FAULT_MS;
    for (const { error, atMs } of this.#beginFaults.values()) if (atMs > sinceMs) throw error;
    if (this.#flushFault !== undefined) throw this.#flushFault;
  }

  get held(): { readonly rows: number; readonly oldestAgeMs: number } {
    const { rows, sinceMs } = this.#buffer;
    return { rows, oldestAgeMs: sinceMs === undefined ? 0 : performance.now() - sinceMs };
  }

  get writing(): Writing {
    return {
      topic: this.options.table.topic.name,
      written: this.#written,
      failure: this.#flushFault?.message ?? null,
    };
  }

  /**
   * Offset at which to resume a partition: after the rows in the lake and in memory.
   *
   * @throws TriplineError `lake-unavailable`, `kafka-unavailable`, `state-unreadable`; `state-conflict` for a lake of
   *   another Kafka cluster, or one that is ahead of Kafka in this partition
   */
  async begin(partition: number): Promise<number> {
    try {
      this.#preparing ??= this.#prepare().finally(() => {
        this.#preparing = undefined;
      });
      const excess = await this.#preparing;
      const ahead = excess.get(partition);
      if (ahead !== undefined) throw this.#lakeIsAhead(partition, ahead);
      this.#beginFaults.delete(partition);
      this.#committed.delete(partition);
      return this.#buffer.begin(partition, this.#log?.positions.get(partition) ?? 0);
    } catch (thrown) {
      const error = asTriplineError(thrown);
      // An unavailable Kafka is reported elsewhere and is not a fault of the lake.
      if (error.code !== "kafka-unavailable") this.#beginFaults.set(partition, { error, atMs: performance.now() });
      throw thrown;
    }
  }

  /**
   * Adds records. Waits while the memory limit is reached.
   *
   * @throws TriplineError `message-unreadable` before any record of the batch is buffered; `shutting-down`
   */
  async handle({ topic, partition, records }: RecordBatch): Promise<void> {
    const rows = records.map((record) => readRecord(this.options.table, record));
    while (this.#isFull()) {
      if (this.#closing.signal.aborted) throw new TriplineError("shutting-down", "The archive is shutting down.");
      await this.#changed.promise;
    }
    const missing = this.#buffer.add(partition, rows);
    // Kafka keeps only the newest record per key of a compacted topic, so gaps are normal.
    if (missing > 0 && this.options.table.topic.retentionDays !== undefined) {
      const { logger, metrics } = this.options;
      metrics.missing(topic, missing);
      logger.error({ topic, partition, missing }, "archive: Kafka had deleted records before they were archived");
    }
    this.#notify();
  }

  /** The record has become a dead letter. */
  pass(partition: number, offset: number): void {
    this.#buffer.pass(partition, offset);
    this.#notify();
  }

  /** Flushes the rows once and accepts no more; rows that cannot be written stay in Kafka. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#notify();
    await this.#loop;
    await this.#flush();
  }

  /** The lake's end of each partition in which the lake is ahead of Kafka. */
  async #prepare(): Promise<ReadonlyMap<number, number>> {
    this.#log ??= await this.options.openLog();
    const log = this.#log;
    await this.#turns.run(() => log.refresh());
    // The order matters: everything already in the lake must have reached Kafka before Kafka's end offsets are read.
    const positions = [...log.positions];
    const ends = await this.options.endOffsets();
    return new Map(positions.filter(([partition, position]) => position > (ends.get(partition) ?? 0)));
  }

  #lakeIsAhead(partition: number, position: number): TriplineError {
    const { name } = this.options.table.topic;
    return new TriplineError(
      "state-conflict",
      `The lake contains ${name}, partition ${partition}, up to offset ${position}, which is beyond the end of the topic in ` +
        "Kafka. If the topic was deleted and recreated, set LAKE_URL to another location, or move the old lake.",
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      await this.#due();
      if (signal.aborted) return;
      failures = (await this.#flush()) ? 0 : failures + 1;
      if (failures > 0) await wait(backoffMs(BACKOFF, failures), signal);
    }
  }

  /** Resolves when a flush is due, or when the service is shutting down. */
  async #due(): Promise<void> {
    const { rowsMax, bytesMax, ageMs } = this.options.limits;
    while (!this.#closing.signal.aborted) {
      const { rows, bytes, sinceMs } = this.#buffer;
      if (rows >= rowsMax || bytes >= bytesMax) return;
      const leftMs = sinceMs === undefined ? ageMs : sinceMs + ageMs - performance.now();
      if (leftMs <= 0) return;
      await this.#changeWithin(leftMs);
    }
  }

  async #changeWithin(ms: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.#changed.promise, late]);
    clearTimeout(timer);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #isFull(): boolean {
    const { rowsMax, bytesMax } = this.options.limits;
    return this.#buffer.rows >= HELD_SHARE_MAX * rowsMax || this.#buffer.bytes >= HELD_SHARE_MAX * bytesMax;
  }

  /** Never rejects. @returns whether everything succeeded */
  async #flush(): Promise<boolean> {
    const { logger, metrics, table } = this.options;
    try {
      await this.#turns.run(() => this.#writeHeld());
      this.#flushFault = undefined;
      return true;
    } catch (thrown) {
      const error = asTriplineError(thrown);
      this.#flushFault = error;
      metrics.failed(table.topic.name);
      const extra = { topic: table.topic.name, code: error.code, error: error.message, ...this.held };
      logger.warn(extra, "archive: cannot write to the lake; retrying");
      return false;
    } finally {
      this.#notify();
    }
  }

  async #writeHeld(): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    await log.refresh();
    for (let tries = 0; tries < OVERTAKEN_MAX; tries += 1) {
      this.#rebase(log);
      const held = this.#buffer.snapshot();
      if (held === undefined) return;
      if (await this.#write(log, held)) {
        this.#rebase(log);
        return;
      }
      this.options.metrics.overtaken(this.options.table.topic.name);
    }
    throw new TriplineError("state-conflict", "Other instances repeatedly archived the same records before this one.");
  }

  async #write(log: TopicLog, { ranges, rows }: Snapshot): Promise<boolean> {
    const { table, writer, metrics, logger } = this.options;
    const startedAtMs = performance.now();
    const id = randomBytes(8).toString("hex");
    const [[partition, { from }] = [0, { from: 0 }]] = ranges;
    const prefix = stagedRowsPrefix(partition, from, id);
    const files = await writer.write(table, rows, prefix, (name) => log.stagedPath(name));
    if (!(await log.append({ id, prefix, ranges, files, replaces: [] }))) return false;
    const topic = table.topic.name;
    metrics.flushed(topic, rows.length, files.length, startedAtMs);
    this.#written = {
      ended_at: new Date().toISOString(),
      took_ms: Math.round(performance.now() - startedAtMs),
      rows: rows.length,
      files: files.length,
    };
    logger.debug({ topic, rows: rows.length, files: files.length }, "archive: wrote rows to the lake");
    return true;
  }

  /** Drops buffered rows that are in the lake, and commits the positions to Kafka. */
  #rebase({ positions }: TopicLog): void {
    this.#buffer.rebase(positions);
    for (const [partition, position] of positions) {
      if (this.#committed.get(partition) === position) continue;
      this.#committed.set(partition, position);
      this.options.commit(partition, position);
    }
  }
}
