import { Reader } from "@platformatic/kafka";
import { TriplineError } from "@tripline/contracts/error-table";
import { UNPACKED_BYTES_MAX, UNPACKED_TEXTS_MAX, unpackedSize, unpackRecords } from "../../consumer/unpack-batch.js";
import { UnreadBatch } from "../../consumer/unread-batch.js";
import type { FetchedRecord } from "../client-library.js";

/** One partition in a fetch response. */
export interface FetchedPartition {
  /** Includes the prefix. */
  readonly topic: string;
  readonly partition: number;
  /** https://kafka.apache.org/protocol#protocol_error_codes */
  readonly errorCode: number;
  readonly endOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches. The last batch may be truncated. */
  readonly bytes: Buffer;
}

interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface ReadRecords {
  readonly records: readonly FetchedRecord[];
  /** The offset after the last record, including control and aborted records; undefined if there are no records. */
  readonly nextOffset: number | undefined;
}

const NO_BYTES = Buffer.alloc(0);
const MAGIC = 2;
/** https://kafka.apache.org/documentation/#recordbatch */
const HEAD_BYTES = 61;
const LENGTH_END = 12;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME_MASK = 0x08;
const TRANSACTIONAL_MASK = 0x10;
const CONTROL_MASK = 0x20;

/*
  Fetch Response (Version: 12) => throttle_time_ms error_code session_id [responses] TAG_BUFFER
    responses => topic [partitions] TAG_BUFFER
      partitions => partition_index error_code high_watermark last_stable_offset log_start_offset [aborted_transactions]
                    preferred_read_replica records TAG_BUFFER

  Source: https://kafka.apache.org/protocol#The_Messages_Fetch
*/
/** Reads only the frame, because the library's own reader would decompress batches without a limit. */
export function parseFetch(_id: number, _key: number, _version: number, reader: Reader): FetchedPartition[] {
  reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt32();
  const partitions = reader.readArray((r) => {
    const topic = r.readString();
    return r.readArray((each) => partitionAt(each, topic));
  });
  if (errorCode !== 0) throw new Error(`Kafka responded to a fetch with error ${errorCode}`);
  return partitions.flat();
}

function partitionAt(reader: Reader, topic: string): FetchedPartition {
  const [partition, errorCode] = [reader.readInt32(), reader.readInt16()];
  const endOffset = Number(reader.readInt64());
  reader.skip(8 + 8);
  const aborted = reader.readArray((r) => ({ producerId: r.readInt64(), firstOffset: Number(r.readInt64()) }));
  reader.skip(4);
  return { topic, partition, errorCode, endOffset, aborted, bytes: reader.readBytes() };
}

/**
 * Reads all complete batches, but stops after `UNPACKED_BYTES_MAX` of decompressed records, as if the remaining bytes
 * were truncated. A batch that is unreadable, or exceeds the limit by itself, becomes an `UnreadBatch`.
 *
 * @param topic without the prefix
 * @param from the requested offset; earlier records are dropped, because brokers always send whole batches
 */
export async function readBatches(part: FetchedPartition, topic: string, from: number): Promise<ReadRecords> {
  const { partition, bytes, aborted } = part;
  const records: FetchedRecord[] = [];
  const isAborted = abortedFilter(aborted);
  let nextOffset: number | undefined;
  let left = UNPACKED_BYTES_MAX;
  for (let batch = batchAt(bytes, 0); batch !== undefined; batch = batchAt(bytes, batch.end)) {
    if (!isAborted(batch)) {
      const read = await readBatch(topic, partition, batch, left);
      // The next fetch starts with this batch.
      if (read === undefined) break;
      for (const record of read.records) if (record.offset >= from) records.push(record);
      left -= read.unpacked;
    }
    nextOffset = batch.lastOffset + 1;
  }
  return { records, nextOffset };
}

interface Batch {
  readonly end: number;
  readonly magic: number;
  readonly codec: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** With log append time: replaces the timestamp of each record. */
  readonly appendedAtMs: number | undefined;
  readonly producerId: bigint;
  readonly count: number;
  /** The records as they were sent, possibly compressed. */
  readonly packed: Buffer;
}

/** @returns undefined if no complete batch is left */
function batchAt(bytes: Buffer, at: number): Batch | undefined {
  if (at + HEAD_BYTES > bytes.length) return undefined;
  const end = at + LENGTH_END + bytes.readInt32BE(at + 8);
  if (end > bytes.length) return undefined;
  if (end < at + HEAD_BYTES) throw new RangeError("a fetched batch ends before its records begin");
  const attributes = bytes.readInt16BE(at + 21);
  const firstOffset = Number(bytes.readBigInt64BE(at));
  const lastMs = Number(bytes.readBigInt64BE(at + 35));
  return {
    end,
    magic: bytes.readInt8(at + 16),
    codec: attributes & COMPRESSION_MASK,
    isTransactional: (attributes & TRANSACTIONAL_MASK) !== 0,
    isControl: (attributes & CONTROL_MASK) !== 0,
    firstOffset,
    lastOffset: firstOffset + bytes.readInt32BE(at + 23),
    firstMs: Number(bytes.readBigInt64BE(at + 27)),
    lastMs,
    appendedAtMs: (attributes & LOG_APPEND_TIME_MASK) === 0 ? undefined : lastMs,
    producerId: bytes.readBigInt64BE(at + 43),
    count: bytes.readInt32BE(at + 57),
    packed: bytes.subarray(at + HEAD_BYTES, end),
  };
}

/**
 * Whether consumers must skip a batch, either because it is a control batch or because its transaction was aborted.
 * Must be called in batch order.
 */
function abortedFilter(transactions: readonly AbortedTransaction[]): (batch: Batch) => boolean {
  const waiting = transactions.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<bigint>();
  return ({ isControl, isTransactional, producerId, lastOffset }) => {
    for (let first = waiting[0]; first !== undefined && first.firstOffset <= lastOffset; first = waiting[0]) {
      open.add(first.producerId);
      waiting.shift();
    }
    if (isControl) open.delete(producerId);
    return isControl || (isTransactional && open.has(producerId));
  };
}

/** @returns undefined if the batch exceeds `bytesMax` but not the limit for a single batch */
async function readBatch(
  topic: string,
  partition: number,
  batch: Batch,
  bytesMax: number,
): Promise<{ readonly records: readonly FetchedRecord[]; readonly unpacked: number } | undefined> {
  const { codec, count, packed, magic } = batch;
  try {
    if (magic !== MAGIC) throw new RangeError("its format predates Kafka 0.11");
    // If compaction removed all records of a batch, its header still exists.
    if (codec === 0 || count <= 0) return { records: recordsOf(topic, partition, batch, packed), unpacked: 0 };
    const unpacked = await unpackRecords({ codec, count, bytes: packed }, bytesMax);
    return { records: recordsOf(topic, partition, batch, unpacked), unpacked: unpackedSize(unpacked, count) };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    const error =
      thrown instanceof TriplineError
        ? thrown
        : new TriplineError("message-unreadable", `A batch cannot be read: ${thrown.message}`);
    if (error.code === "body-too-large" && bytesMax < UNPACKED_BYTES_MAX) return undefined;
    const { firstOffset, lastOffset, lastMs: timestampMs } = batch;
    const raw = new UnreadBatch({ firstOffset, lastOffset, count, packed, error });
    const record = { topic, partition, offset: lastOffset, key: "", value: NO_BYTES, headers: {}, timestampMs, raw };
    return { records: [record], unpacked: 0 };
  }
}

/*
  Record => length attributes timestampDelta offsetDelta keyLength key valueLength value [headers]
  Source: https://kafka.apache.org/documentation/#record
*/
function recordsOf(topic: string, partition: number, batch: Batch, bytes: Buffer): FetchedRecord[] {
  const reader = Reader.from(bytes);
  const records: FetchedRecord[] = [];
  let textsLeft = UNPACKED_TEXTS_MAX;
  for (let left = batch.count; left > 0; left -= 1) {
    const size = reader.readVarInt();
    const end = reader.position + size;
    if (size < 0 || end > bytes.length) throw new RangeError("a record extends past the end of its batch");
    reader.skip(1);
    const sentAtMs = batch.firstMs + Number(reader.readVarInt64());
    const timestampMs = batch.appendedAtMs ?? sentAtMs;
    const offset = batch.firstOffset + reader.readVarInt();
    const [key, value] = [reader.readVarIntBytes(), reader.readVarIntBytes()];
    const count = reader.readVarInt();
    textsLeft -= count + 1;
    if (textsLeft < 0) throw new RangeError("its records have more keys and headers than the limit");
    const raw: [Buffer | null, Buffer | null][] = [];
    const headers: Record<string, string> = {};
    for (let index = 0; index < count; index += 1) {
      const [name, content] = [reader.readVarIntBytes(), reader.readVarIntBytes()];
      raw.push([name, content]);
      if (content !== null) headers[name?.toString() ?? ""] = content.toString();
    }
    if (reader.position > end) throw new RangeError("a field extends past the end of its record");
    reader.position = end;
    records.push({
      ...{ topic, partition, offset, timestampMs, headers },
      key: key?.toString() ?? "",
      value: value ?? NO_BYTES,
      raw: { key, value, headers: raw },
    });
  }
  return records;
}
