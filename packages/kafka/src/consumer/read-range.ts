import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Kafka, RecordBatch } from "../port.js";

const READ_MS_MAX_DEFAULT = 120_000;
const POLL_MS = 20;

/** Offsets of one partition: `from` is inclusive, and the end is exclusive. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

export interface SkippedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly error: TriplineError;
}

export interface RangeOptions {
  readonly group: string;
  /** A topic of the table, or its dead letters. */
  readonly topic: string;
  /** By partition; absent or empty ranges are not read. */
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  /** Default: 120,000. */
  readonly readMsMax?: number;
  /**
   * Called only with records in these ranges. After a failure, records may be redelivered.
   *
   * @param commit commits the group's position in the partition
   */
  handle(batch: RecordBatch, commit: (offset: number) => void): Promise<void> | void;
  /**
   * Called with a record that `handle` rejected permanently, or with the last record of an unreadable batch. Reading
   * continues after it. A record of a dead-letter topic stays in that topic.
   */
  skipped?(place: SkippedRecord, commit: (offset: number) => void): void;
  /** Awaited at the end, before the consumer closes. */
  finish?(): Promise<void>;
}

/**
 * Reads partitions from one offset to another.
 *
 * @throws TriplineError `deadline-exceeded` if the ends are not reached within `readMsMax`; any error that stops the
 * consumer
 */
export async function readRange(kafka: Kafka, options: RangeOptions): Promise<void> {
  const { group, topic, ranges, readMsMax = READ_MS_MAX_DEFAULT, handle, skipped, finish } = options;
  const open = new Map([...ranges].filter(([, { from, to }]) => from < to));
  if (open.size === 0) return;
  let failure: Error | undefined;
  const commitOf = (partition: number) => (offset: number) => consumer.commit(topic, partition, offset);
  const advance = (partition: number, last: number) => {
    const range = open.get(partition);
    if (range === undefined) return;
    if (last + 1 >= range.to) open.delete(partition);
    else open.set(partition, { ...range, from: last + 1 });
  };
  const consumer = await kafka.consume({
    group,
    topics: [topic],
    positions: {
      begin: async (_topic, partition) => open.get(partition)?.from ?? ranges.get(partition)?.to ?? 0,
      deadLettered(_topic, partition, offset, error) {
        const range = open.get(partition);
        if (range === undefined || offset < range.from) return;
        skipped?.({ partition, offset, error }, commitOf(partition));
        advance(partition, offset);
      },
    },
    async handle(batches) {
      for (const batch of batches) {
        const range = open.get(batch.partition);
        if (range === undefined) continue;
        const records = batch.records.filter(({ offset }) => offset >= range.from && offset < range.to);
        if (records.length > 0) await handle({ ...batch, records }, commitOf(batch.partition));
        advance(batch.partition, batch.records.at(-1)?.offset ?? 0);
      }
    },
    onStop(error) {
      failure = error;
    },
  });
  try {
    const deadline = Date.now() + readMsMax;
    while (open.size > 0 && failure === undefined && Date.now() < deadline) await delay(POLL_MS);
    if (failure !== undefined) throw failure;
    if (open.size > 0) {
      const detail = `The topic ${topic} could not be read to its end within ${readMsMax / 1_000} s`;
      throw new TriplineError("deadline-exceeded", detail);
    }
    await finish?.();
  } finally {
    await consumer.close();
  }
}
