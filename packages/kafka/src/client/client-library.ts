import type { PartitionOffset } from "../consumer/offset-committer.js";
import type { Fetched } from "../consumer/partition-queue.js";
import type { UnreadBatch } from "../consumer/unread-batch.js";
import type { IncomingRecord } from "../port.js";

/** What Tripline needs of a client library of Kafka. Topics and groups have their prefix here. */
export interface ClientLibrary {
  producer(options: ClientOptions): ClientProducer;
  consumer(options: ConsumerClientOptions, events: ConsumerEvents): ClientConsumer;
}

export interface ClientOptions {
  /** Longest wait for one answer, in milliseconds. */
  readonly requestMsMax: number;
}

/** The exact bytes of a record; a text is sent as UTF-8. A name may occur several times. */
export interface RawRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: Buffer | string | null, value: Buffer | string | null])[];
}

/** A record with its exact bytes, for a dead letter. */
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
  /** Idempotent: repeats a request under the same numbers. Resolves when all in-sync replicas have the records. */
  send(records: readonly StampedRecord[]): Promise<void>;
  /** Waits for answers. */
  close(): Promise<void>;
  /** Cuts the connections: nothing that is under way reaches Kafka any more, and nothing is retried. */
  destroy(): void;
}

export interface ConsumerClientOptions extends ClientOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Left out of the topics of fetched records. */
  readonly topicPrefix: string;
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  readonly rebalanceMs: number;
  /** How long a fetch waits for records. */
  readonly fetchMs: number;
  readonly bytesPerPartition: number;
}

export type Assigned = Readonly<Record<string, readonly number[]>>;

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface ConsumerEvents {
  /** The broker confirmed that this is a member of its group. */
  alive(): void;
  /** Its partitions from now on, in place of earlier ones. */
  assigned(partitions: Assigned): void;
  /** What is produced from now on to the assigned partitions will be fetched. */
  fetching(): void;
  /** A broker answered a fetch. */
  answered(): void;
  /** @returns whether they were taken in; otherwise they are fetched again */
  records(place: Place, fetched: Fetched<FetchedRecord>): boolean;
  /** A request has failed, and will be repeated. */
  failing(error: unknown): void;
  /** It cannot go on. */
  failed(error: unknown): void;
}

/** A member of a group that begins where the group left off, or at the oldest record. It commits nothing by itself. */
export interface ClientConsumer {
  start(): Promise<void>;
  /** One request, not repeated. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** The next fetch of an assigned partition begins at `offset`. */
  seek(place: Place, offset: number): void;
  /** Both do nothing for a partition that is not assigned. */
  pause(place: Place): void;
  resume(place: Place): void;
  isConnected(): boolean;
  /** Leaves the group and disconnects. */
  leave(): Promise<void>;
  /** Cuts the connections, and nothing is retried. */
  destroy(): void;
}
