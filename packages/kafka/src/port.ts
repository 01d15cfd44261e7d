import type { ErrorCode, TriplineError } from "@tripline/contracts/error-table";

/** What Tripline wants from an event log. Apps know these types and nothing of the client behind them. */

export interface OutgoingRecord {
  /** A name of the topic table, without the prefix. */
  readonly topic: string;
  /** Records of one key keep their order. */
  readonly key: string;
  /** An empty one is sent as none, which takes the key out of a table (`cleanup.policy=compact`). */
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface EventProducer {
  /**
   * Resolves once all in-sync replicas have acknowledged every record; records of one key keep their order, also across
   * calls. When it rejects, some or all of the records may be stored nevertheless: consumers must bear a repetition.
   *
   * @throws TriplineError `kafka-unavailable` when no acknowledgement came within about 2 s; `queue-full` when more than
   *   20,000 records or 64 MiB wait; `body-too-large` for a record over 1,000,000 bytes; `shutting-down` after `close`.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  /** Takes no more records and waits for the given ones, 5 s at most. */
  close(): Promise<void>;
}

export interface IncomingRecord {
  /** Without the prefix. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Empty where the record has no key. */
  readonly key: string;
  /** Empty where the record has no value. */
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
}

/** Records of one partition with ascending offsets; there may be gaps. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly IncomingRecord[];
}

/** For a handler that keeps records beyond its call, for instance to gather them into files, and knows its positions. */
export interface OwnPositions {
  /**
   * Where to begin. Called for each partition that is assigned, when no earlier handler of it runs any more, and before
   * any of its records is handled. What it throws is tried again until the partition is lost, unless the error's
   * reaction is `stop`. Where Kafka holds that offset no more, the oldest record after it comes first.
   *
   * @param isMadeAnew asked again because the partition is shorter than what came from it: its topic was created again,
   *   and its offsets mean other records
   */
  begin(topic: string, partition: number, isMadeAnew: boolean): Promise<number>;
  /**
   * This record was not handled but is a dead letter by now, or had been one; the next one to handle comes after it.
   * For a batch that could not be read it is called once, with the offset of the last record.
   */
  buried(topic: string, partition: number, offset: number, error: TriplineError): void;
}

/** Told of a consumer's work, for metrics. Called on the hot path: it has to be quick and must not throw. */
export interface ConsumerObserver {
  /** How many records of a partition wait, by the last fetch of it; `undefined` when another consumer has it now. */
  lag(topic: string, partition: number, records: number | undefined): void;
  deadLetter(topic: string, code: ErrorCode): void;
  /**
   * Since when the oldest records of a partition fail and are tried again, on the clock of `performance.now()`;
   * `undefined` when that is over, or another consumer has the partition now.
   */
  failing(topic: string, partition: number, sinceMs: number | undefined): void;
  /** A broker answered a fetch, with records or without. Not called for a fetch that was lost. */
  fetched?(): void;
}

export interface ConsumerOptions {
  /** Without the prefix. A new group begins at the oldest record. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Of one partition; as many as `recordsTogetherMax` unless told otherwise, or 500 without that. */
  readonly recordsPerBatchMax?: number;
  /**
   * What comes at about the same time, for several partitions, is handed over together up to so many records; a batch
   * with more of them comes alone. Unless told otherwise each batch comes alone.
   */
  readonly recordsTogetherMax?: number;
  /** How many calls of `handle` may be under way at a time; 6 unless told otherwise. */
  readonly roundsMax?: number;
  /**
   * Called with one batch per partition, never twice at a time for one partition. It must be idempotent: after a crash
   * or a rebalance the same records come again. What it throws decides what happens, by `ERROR_TABLE[code].kafka`;
   * anything but a TriplineError counts as `internal`. Where it throws what does not pass by itself, for several
   * batches, it is called again with each of them alone: a bad record is found in its own partition. It is not called
   * for batches that cannot be read, or take more than 16 MiB unpacked: each becomes one dead letter by reference.
   */
  handle(batches: readonly RecordBatch[]): Promise<void>;
  /** Absent: begins where the group left off, and commits what was handled. Otherwise only `commit` commits. */
  readonly positions?: OwnPositions;
  readonly observer?: ConsumerObserver;
  /** Called once, after the consumer has closed itself because `handle` threw an error whose reaction is `stop`. */
  onStop(error: TriplineError): void;
}

export interface EventConsumer {
  /**
   * Resolves when partitions are assigned and are being fetched: what is produced from then on arrives.
   *
   * @throws TriplineError `shutting-down` when closed before that.
   */
  readonly ready: Promise<void>;
  /** Whether it is a live member of its group: the broker confirmed that within the last 10 s. */
  isHealthy(): boolean;
  /**
   * The error of a partition whose oldest records have failed and been tried again for `afterMs` (60,000 unless told
   * otherwise), in a sentence that names it; undefined while there is no such partition.
   */
  stuck(afterMs?: number): TriplineError | undefined;
  /**
   * Tells the group, for those who watch its lag, that everything before `offset` is done with. For a handler with its
   * own positions; ignored for a partition that is not assigned, and not repeated when the assignment ends first.
   */
  commit(topic: string, partition: number, offset: number): void;
  /** Lets running handlers finish, 5 s at most, commits what they handled, and leaves the group. */
  close(): Promise<void>;
}

export interface TableChange {
  readonly key: string;
  /** Absent where the key was taken out. */
  readonly value: Buffer | undefined;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
}

export interface FollowOptions {
  /** A table of the topic table, without the prefix. */
  readonly topic: string;
  /** Each follower makes a group of its own with this at its beginning. It never commits. */
  readonly group: string;
  /**
   * Called with changes in their order; after a reconnect some of them may come again. What it throws is treated as by
   * `ConsumerOptions.handle`.
   */
  apply(changes: readonly TableChange[]): void;
  /** As of `ConsumerOptions`. */
  onStop(error: TriplineError): void;
}

/** A table of Kafka that is held in memory. */
export interface FollowedTable {
  /**
   * Resolves when everything is applied that the table held when following began. Kafka may be away until then.
   *
   * @throws TriplineError `shutting-down` when closed before that
   */
  readonly ready: Promise<void>;
  /** Whether changes arrive: `ready`, and the broker confirmed within the last 10 s that this is a live reader. */
  isHealthy(): boolean;
  close(): Promise<void>;
}

export interface KafkaAdmin {
  /**
   * Creates every topic of the table that is missing and waits until each partition has a leader, 15 s at most.
   *
   * @param needed topics that are enough: where all of them are there, none is created. For a client that may not create
   *   topics, nor see all of them
   */
  ensureTopics(needed?: readonly string[]): Promise<void>;
  /** By partition: the offset that the next record will get. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /** By partition: the oldest offset that Kafka still holds; where it holds none, the end. */
  startOffsets(topic: string): Promise<ReadonlyMap<number, number>>;
  /** By partition: the offset of the next record to handle; a partition without a commit is absent. */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>>;
  /** Live readers of a group; one that was killed counts until its session has run out. 0 for a group nobody knows. */
  groupMembers(group: string): Promise<number>;
  clusterId(): Promise<string>;
  /**
   * Makes these the only rights of the users whom they name; needs a user who may change rights. A broker without an
   * authorizer refuses.
   *
   * @returns how many rights were added and taken away
   */
  setRights(rights: readonly KafkaRight[]): Promise<{ readonly added: number; readonly removed: number }>;
  close(): Promise<void>;
}

/** Something that a user may do. Names are without the topic prefix, which groups have as well. */
export interface KafkaRight {
  readonly user: string;
  readonly kind: "topic" | "group" | "cluster";
  /** `kafka-cluster` is the only cluster. */
  readonly name: string;
  /** Whether it holds for all names that begin with `name`. */
  readonly isPrefix?: boolean;
  readonly operation: "read" | "write" | "create" | "describe";
}

export interface ProducerOptions {
  /**
   * How long a send waits for company while no request is under way; 1 ms unless told otherwise. 0 is for callers that
   * give all they have in one turn of the event loop.
   */
  readonly lingerMs?: number;
}

/** Nothing here needs Kafka to be up: a producer and a consumer connect when it is, and again after it was away. */
export interface Kafka {
  producer(options?: ProducerOptions): Promise<EventProducer>;
  consume(options: ConsumerOptions): Promise<EventConsumer>;
  /** Reads a table from its beginning, and then goes on following it. */
  follow(options: FollowOptions): Promise<FollowedTable>;
  /** @throws TriplineError `kafka-unavailable` from each method when no answer comes within 10 s. */
  admin(): Promise<KafkaAdmin>;
}

/** What a client shows and asks for before it speaks with a broker. Nothing of it: plain TCP, and nobody in particular. */
export interface KafkaSecurity {
  /** TLS, with the system's authorities unless `ca` names others. A function is called for each connection. */
  readonly tls?: KafkaTls | (() => KafkaTls);
  readonly sasl?: KafkaPassword | KafkaToken;
}

export interface KafkaTls {
  /** PEM. */
  readonly ca?: string;
  /** PEM, for brokers that ask for a client's certificate; goes with `key`. */
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
  /** Called for each connection, and again before the broker's session of it ends. Has to answer in bounded time. */
  token(): Promise<string>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export type Log = (level: LogLevel, message: string, extra: Readonly<Record<string, unknown>>) => void;
