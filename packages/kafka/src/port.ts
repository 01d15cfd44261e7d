import type { ErrorCode, TriplineError } from "@tripline/contracts/error-table";
import type { Unfinished } from "./consumer/unfinished.js";

/** Tripline's interface to an event log. Apps use only these types and do not depend on the client library. */

export interface OutgoingRecord {
  /** A name of the topic table, without the prefix. */
  readonly topic: string;
  /** Records with the same key keep their order. */
  readonly key: string;
  /** An empty value is sent as null, which deletes the key from a compacted topic (`cleanup.policy=compact`). */
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface EventProducer {
  /**
   * Resolves once all in-sync replicas have acknowledged every record. Records with the same key keep their order, even
   * across calls. If it rejects, some or all of the records may still have been stored: consumers must tolerate
   * duplicates.
   *
   * @throws TriplineError `kafka-unavailable` if there is no acknowledgement within about 2 s; `queue-full` if more
   *   than 20,000 records or 64 MiB are waiting; `body-too-large` for a record over 1,000,000 bytes; `shutting-down`
   *   after `close`.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  /** Accepts no more records and waits for pending ones, at most 5 s. */
  close(): Promise<void>;
}

export interface IncomingRecord {
  /** Without the prefix. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Empty if the record has no key. */
  readonly key: string;
  /** Empty if the record has no value. */
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
}

/** Records of one partition with ascending offsets, possibly with gaps. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
}

/** For a handler that keeps records after its call, for example to collect them in files, and stores its positions. */
export interface OwnPositions {
  /**
   * Returns the start position. Called for each assigned partition, after its earlier handlers have ended and before
   * any of its records is handled. Errors are retried until the partition is lost, unless the error's reaction is
   * `stop`. If Kafka no longer has that offset, reading starts at the next available record.
   *
   * @param isMadeAnew true if the partition ends before the last position: the topic was recreated, and its offsets
   * refer to other records
   */
  begin(topic: string, partition: number, isMadeAnew: boolean): Promise<number>;
  /**
   * The record could not be handled and was dead-lettered, now or in an earlier attempt. Handling continues with the
   * next record. For an unreadable batch, this is called once, with the offset of the last record.
   */
  deadLettered(topic: string, partition: number, offset: number, error: TriplineError): void;
}

/** Receives a consumer's events, for metrics. Called on the hot path, so it must be fast and must not throw. */
export interface ConsumerObserver {
  /** The consumer lag of a partition, as of its last fetch; `undefined` if another consumer now owns the partition. */
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: ErrorCode): void;
  /**
   * When the oldest records of a partition started to fail, on the clock of `performance.now()`; `undefined` once they
   * no longer fail, or if another consumer now owns the partition.
   */
  failing(topic: string, partition: number, sinceMs: number | undefined): void;
  /** A broker responded to a fetch, with or without records. Not called for a failed fetch. */
  fetched?(): void;
}

export interface ConsumerOptions {
  /** Without the prefix. A new group starts at the oldest record. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Records per partition. Default: `recordsTogetherMax`, or 500 if that is absent. */
  readonly recordsPerBatchMax?: number;
  /**
   * If given, batches of several partitions that arrive at about the same time are passed to `handle` in one call, up
   * to this many records. A larger batch gets its own call. Default: one call per batch.
   */
  readonly recordsTogetherMax?: number;
  /** Maximum number of concurrent calls of `handle`, not counting unfinished ones. Default: 6. */
  readonly roundsMax?: number;
  /**
   * Called with one batch per partition, never concurrently for the same partition. The function must be idempotent,
   * because records are redelivered after a crash or a rebalance. `ERROR_TABLE[code].kafka` determines the reaction to
   * its errors; any error other than a TriplineError counts as `internal`. If several batches fail with an error that
   * is not temporary, the function is called again for each batch alone, to find the partition with the bad record.
   * Batches that are unreadable or exceed 16 MiB decompressed are not passed to the function; each of them becomes one
   * dead letter by reference. If a call resolves with `Unfinished`, the next call may start with other partitions. The
   * partitions of the first call continue when its work has finished.
   */
  handle(batches: readonly RecordBatch[]): Promise<void> | Promise<Unfinished>;
  /**
   * If absent, the consumer starts at the group's committed offset and commits what was handled. If given, only
   * `commit` commits.
   */
  readonly positions?: OwnPositions;
  readonly observer?: ConsumerObserver;
  /** Called once, after the consumer has closed itself because `handle` threw an error whose reaction is `stop`. */
  onStop(error: TriplineError): void;
}

export interface EventConsumer {
  /**
   * Resolves when partitions have been assigned and the client is fetching them. All records produced after that will
   * arrive.
   *
   * @throws TriplineError `shutting-down` if closed before that.
   */
  readonly ready: Promise<void>;
  /** Whether the broker has confirmed, within the last 10 s, that the consumer is a member of its group. */
  isHealthy(): boolean;
  /**
   * The error of a partition whose oldest records have been failing for `afterMs` (default 60,000), in a sentence that
   * names the partition; undefined if there is none.
   */
  stuck(afterMs?: number): TriplineError | undefined;
  /**
   * Commits `offset`: everything before it is done. For handlers with their own positions, so that the group's lag can
   * be monitored. Ignored for a partition that is not assigned, and not retried if the assignment ends first.
   */
  commit(topic: string, partition: number, offset: number): void;
  /** Lets running handlers finish, at most 5 s, commits what they handled, and leaves the group. */
  close(): Promise<void>;
}

export interface TableChange {
  readonly key: string;
  /** Absent if the key was deleted. */
  readonly value: Buffer | undefined;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
}

export interface FollowOptions {
  /** A compacted topic of the topic table, without the prefix. */
  readonly topic: string;
  /** Prefix of the consumer group. Each follower creates its own group and never commits. */
  readonly group: string;
  /**
   * Called with changes in order; after a reconnect, some of them may be repeated. Errors are handled as for
   * `ConsumerOptions.handle`.
   */
  apply(changes: readonly TableChange[]): void;
  /** As in `ConsumerOptions`. */
  onStop(error: TriplineError): void;
}

/** A compacted topic that is followed in memory. */
export interface FollowedTable {
  /**
   * Resolves once everything that the table contained at the start has been applied. Kafka may be unavailable until
   * then.
   *
   * @throws TriplineError `shutting-down` if closed before that
   */
  readonly ready: Promise<void>;
  /**
   * Whether the table is up to date: `ready` has resolved, and the broker confirmed within the last 10 s that this
   * consumer is alive.
   */
  isHealthy(): boolean;
  close(): Promise<void>;
}

export interface TopicsWanted {
  /**
   * Number of partitions of new topics, except those that have only one. An existing topic keeps its number, because
   * the number determines each card's partition. Topics that are created later get the number of `transactions`.
   * Default: the number in the topic table.
   */
  readonly partitions?: number;
}

export interface KafkaAdmin {
  /**
   * Creates every missing topic of the table and waits until each partition has a leader, at most 60 s.
   *
   * @returns the number of partitions by topic
   */
  ensureTopics(wanted?: TopicsWanted): Promise<ReadonlyMap<string, number>>;
  /**
   * Waits until each partition of existing topics has a leader, at most 60 s. Needs no permission for other topics.
   *
   * @throws TriplineError `kafka-unavailable` that names the missing topics
   */
  requireTopics(names: readonly string[]): Promise<void>;
  /** By partition: the end offset, which is the offset of the next record to be written. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /** By partition: the offset of the oldest record still in Kafka; the end offset if the partition is empty. */
  startOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /** By partition: the offset of the next record to handle; absent for a partition without a commit. */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>>;
  /** Number of members of a group. A killed member is counted until its session expires. 0 for an unknown group. */
  groupMembers(group: string): Promise<number>;
  clusterId(): Promise<string>;
  /**
   * Gives the users named in `rights` exactly these rights. Requires permission to change ACLs, and a broker with an
   * authorizer.
   *
   * @returns how many rights were added and removed
   */
  setRights(rights: readonly KafkaRight[]): Promise<{ readonly added: number; readonly removed: number }>;
  close(): Promise<void>;
}

/** A right of a user. Names of topics and groups exclude the prefix. */
export interface KafkaRight {
  readonly user: string;
  readonly kind: "topic" | "group" | "cluster";
  /** `kafka-cluster` is the only valid name for a cluster. */
  readonly name: string;
  /** Whether the right applies to all names that start with `name`. */
  readonly isPrefix?: boolean;
  readonly operation: "read" | "write" | "create" | "describe";
}

export interface ProducerOptions {
  /**
   * How long a send waits for other sends while no request is pending. Default: 1 ms. Use 0 if the caller sends
   * everything in one turn of the event loop.
   */
  readonly lingerMs?: number;
}

/**
 * Nothing here requires Kafka to be available: producers and consumers connect once it is, and reconnect after an
 * outage.
 */
export interface Kafka {
  producer(options?: ProducerOptions): Promise<EventProducer>;
  consume(options: ConsumerOptions): Promise<EventConsumer>;
  /** Reads a compacted topic from its beginning and then follows it. */
  follow(options: FollowOptions): Promise<FollowedTable>;
  /** @throws TriplineError `kafka-unavailable` from each method if there is no response within 10 s. */
  admin(): Promise<KafkaAdmin>;
}

/** How a client connects and authenticates to a broker. If empty: plain TCP without authentication. */
export interface KafkaSecurity {
  /** TLS, with the system's authorities unless `ca` replaces them. A function is called for each connection. */
  readonly tls?: KafkaTls | (() => KafkaTls);
  readonly sasl?: KafkaPassword | KafkaToken;
}

export interface KafkaTls {
  /** PEM. */
  readonly ca?: string;
  /** PEM, for brokers that require a client certificate; used together with `key`. */
  readonly cert?: string;
  readonly key?: string;
}

type Password<Mechanism> = {
  readonly mechanism: Mechanism;
  readonly username: string;
  readonly password: string;
};

export type KafkaPassword = Password<"plain"> | Password<"scram-sha-256"> | Password<"scram-sha-512">;

export interface KafkaToken {
  readonly mechanism: "oauthbearer";
  /** Called for each connection, and again before the broker's session expires. Must return in bounded time. */
  token(): Promise<string>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export type Log = (level: LogLevel, message: string, extra: Readonly<Record<string, unknown>>) => void;
