import type { PartitionOffset } from "../consumer/offset-committer.js";
import type { Fetched } from "../consumer/partition-queue.js";
import type { UnreadBatch } from "../consumer/unread-batch.js";
import type { IncomingRecord } from "../port.js";

/** What Tripline requires of a Kafka client library. Topic and group names include the prefix here. */
export interface ClientLibrary {
  producer(options: ClientOptions): ClientProducer;
  consumer(options: ConsumerClientOptions, events: ConsumerEvents): ClientConsumer;
}

export interface ClientOptions {
  /** Request timeout, in milliseconds. */
  readonly requestMsMax: number;
}

/** The exact bytes of a record; strings are sent as UTF-8. Header names may repeat. */
export interface RawRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: Buffer | string | null, value: Buffer | string | null])[];
}

/** A record with its original bytes, which a dead letter must contain. */
export interface FetchedRecord extends IncomingRecord {
  readonly raw: RawRecord | UnreadBatch;
}

/** A record that is ready to be sent. */
export interface StampedRecord {
  readonly topic: string;
  readonly record: RawRecord;
  /** Estimated size in a request. */
  readonly sizeBytes: number;
}

export interface ClientProducer {
  connect(): Promise<void>;
  /** Idempotent: a retry uses the same sequence numbers. Resolves when all in-sync replicas have stored the records. */
  send(records: readonly StampedRecord[]): Promise<void>;
  /** Waits for pending responses. */
  close(): Promise<void>;
  /** Closes the connections immediately. Pending requests are lost and not retried. */
  destroy(): void;
}

export interface ConsumerClientOptions extends ClientOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Removed from the topic names of fetched records. */
  readonly topicPrefix: string;
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  readonly rebalanceMs: number;
  /** How long the broker waits for records before it answers a fetch of all assigned partitions. */
  readonly fetchMs: number;
  /** Like `fetchMs`, but used when some partitions are paused or have no position yet. Only the next fetch can include them. */
  readonly partialFetchMs: number;
  readonly bytesPerPartition: number;
}

export type Assigned = Readonly<Record<string, readonly number[]>>;

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface ConsumerEvents {
  /** The broker confirmed that this consumer is a member of its group. */
  alive(): void;
  /** Replaces all earlier assignments. */
  assigned(partitions: Assigned): void;
  /** The client has started to fetch the assigned partitions. */
  fetching(): void;
  /** A broker answered a fetch. */
  answered(): void;
  /** @returns false to reject the records; the client then fetches them again */
  records(place: Place, fetched: Fetched<FetchedRecord>): boolean;
  /** A request failed and will be retried. */
  failing(error: unknown): void;
  /** The consumer cannot continue. */
  failed(error: unknown): void;
}

/** A group member without auto-commit. It starts at the committed offset or, if there is none, at the oldest record. */
export interface ClientConsumer {
  start(): Promise<void>;
  /** One request, without retries. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** The next fetch of an assigned partition starts at `offset`. */
  seek(place: Place, offset: number): void;
  /** `pause` and `resume` ignore partitions that are not assigned. */
  pause(place: Place): void;
  resume(place: Place): void;
  isConnected(): boolean;
  /** Leaves the group and disconnects. */
  leave(): Promise<void>;
  /** Closes the connections immediately, without retries. */
  destroy(): void;
}
