import { randomUUID } from "node:crypto";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { AdminDependencies } from "../administered-kafka.js";
import { AdministeredKafka } from "../administered-kafka.js";
import type { EventConsumer, FollowedTable, FollowOptions, IncomingRecord, TableChange } from "../port.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, wait } from "../wait-backoff.js";
import type { ConsumeDependencies } from "./consume-topics.js";
import { consumeTopics } from "./consume-topics.js";

export type FollowDependencies = ConsumeDependencies & AdminDependencies;

const ENDS_BACKOFF: Backoff = { firstMs: 100, maxMs: 2_000 };
const POLL_MS = 20;
/**
 * The table counts as fully read after this long without new records. Waiting for the last offset is not sufficient,
 * because compaction may have removed it.
 */
const QUIET_MS = 8_000;
/**
 * Without a response for this long, the follower cannot tell whether there are new records. A fetch normally takes much
 * less time.
 */
const SILENCE_MS_MAX = 2_000;

/**
 * Starts immediately, whether or not Kafka is available.
 *
 * @param quietMs how long fetches must succeed without new records before the table counts as fully read
 */
export function followTable(
  dependencies: FollowDependencies,
  options: FollowOptions,
  quietMs = QUIET_MS,
): FollowedTable {
  return new TableFollower(dependencies, options, quietMs);
}

class TableFollower implements FollowedTable {
  readonly ready: Promise<void>;
  readonly #closing = new AbortController();
  readonly #consumer: EventConsumer;
  /** By partition: the offset after the last applied record. */
  readonly #next = new Map<number, number>();
  /** When the last new record arrived or fetches last started to succeed. Valid only if the last response is recent. */
  #quietSinceMs = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #isCaughtUp = false;

  constructor(
    private readonly dependencies: FollowDependencies,
    private readonly options: FollowOptions,
    private readonly quietMs: number,
  ) {
    const { topic, group, onStop } = options;
    this.#consumer = consumeTopics(dependencies, {
      group: `${group}-${randomUUID()}`,
      topics: [topic],
      positions: {
        begin: async (_topic, partition, isMadeAnew) => this.#begin(partition, isMadeAnew),
        deadLettered: (_topic, partition, offset) => this.#passed(partition, offset),
      },
      handle: async (batches) => {
        for (const { partition, records } of batches) this.#apply(partition, records);
      },
      observer: { lag() {}, deadLetter() {}, failing() {}, fetched: () => this.#answered() },
      onStop,
    });
    this.ready = this.#catchUp();
    // Prevents an unhandled rejection if the caller does not await `ready`.
    this.ready.catch(() => {});
  }

  isHealthy(): boolean {
    return this.#isCaughtUp && this.#consumer.isHealthy();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#consumer.close();
    await this.ready.catch(() => {});
  }

  #begin(partition: number, isMadeAnew: boolean): number {
    this.#quietSinceMs = performance.now();
    if (isMadeAnew) this.#next.delete(partition);
    return this.#next.get(partition) ?? 0;
  }

  #answered(): void {
    const nowMs = performance.now();
    if (nowMs - this.#answeredAtMs > SILENCE_MS_MAX) this.#quietSinceMs = nowMs;
    this.#answeredAtMs = nowMs;
  }

  #apply(partition: number, records: readonly IncomingRecord[]): void {
    const last = records.at(-1);
    if (last === undefined) return;
    this.options.apply(records.map(toChange));
    this.#passed(partition, last.offset);
  }

  #passed(partition: number, offset: number): void {
    this.#next.set(partition, offset + 1);
    this.#quietSinceMs = performance.now();
  }

  /**
   * Whether fetches show that nothing is left to read. A row still counts as unread while it fails or its dead letter
   * is being sent.
   */
  #isQuiet(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#answeredAtMs > SILENCE_MS_MAX || this.#consumer.stuck(0) !== undefined) return false;
    return nowMs - this.#quietSinceMs >= this.quietMs;
  }

  async #catchUp(): Promise<void> {
    const ends = await this.#endOffsets();
    await this.#consumer.ready;
    const isBehind = () => [...ends].some(([partition, end]) => (this.#next.get(partition) ?? 0) < end);
    while (isBehind() && !this.#isQuiet()) {
      this.#throwWhenClosed();
      await wait(POLL_MS, this.#closing.signal);
    }
    this.#throwWhenClosed();
    this.#isCaughtUp = true;
  }

  async #endOffsets(): Promise<ReadonlyMap<number, number>> {
    const { topic } = this.options;
    const admin = new AdministeredKafka(this.dependencies);
    try {
      for (let tries = 1; ; tries += 1) {
        this.#throwWhenClosed();
        try {
          return await admin.endOffsets(topic);
        } catch (thrown) {
          const { message: cause } = asTriplineError(thrown);
          this.dependencies.log("warn", "table: its end offset is unknown so far", { topic, cause });
          await wait(backoffMs(ENDS_BACKOFF, tries), this.#closing.signal);
        }
      }
    } finally {
      await admin.close();
    }
  }

  #throwWhenClosed(): void {
    if (this.#closing.signal.aborted) throw new TriplineError("shutting-down", "The table is no longer followed");
  }
}

function toChange({ key, value, timestampMs }: IncomingRecord): TableChange {
  return { key, value: value.length === 0 ? undefined : value, timestampMs };
}
