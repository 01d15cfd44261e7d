import { TriplineError } from "@tripline/contracts/error-table";
import type { BatchContext, RecordContent } from "./decoded-message.js";
import { DecodedMessage } from "./decoded-message.js";
import { RecordReader } from "./record-reader.js";
import { UNPACKED_BYTES_MAX, UNPACKED_TEXTS_MAX, unpackedSize, unpackRecords } from "./unpack-batch.js";
import { UnreadBatch } from "./unread-batch.js";

export type FetchedMessage = DecodedMessage | UnreadBatch;

/** A fetch response, as kafkajs has it. */
export interface FetchAnswer {
  readonly throttleTime: number;
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly FetchedPartition[];
  }[];
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly lastStartOffset: string;
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly preferredReadReplica: number;
  readonly messages: readonly FetchedMessage[];
}

const MAGIC = 2;
/** Where in a batch its format is named; the same place in all formats that there have been. */
const MAGIC_AT = 16;
/** Up to and with the length of a batch, and the whole of its head (https://kafka.apache.org/documentation/#recordbatch). */
const LENGTH_BYTES = 12;
const HEAD_BYTES = 61;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME_MASK = 0x08;
const TRANSACTIONAL_MASK = 0x10;
const CONTROL_MASK = 0x20;

/** What `decodeFetch` leaves to kafkajs. */
class Unread extends Error {}

/** The batches of one partition from the first compressed one on, for after the pass. */
interface Rest {
  readonly at: number;
  readonly end: number;
  /** The partition's, to go on with. */
  readonly messages: FetchedMessage[];
}

/*
  Fetch Response (Version: 11) => throttle_time_ms error_code session_id [responses]
    throttle_time_ms => INT32
    error_code => INT16
    session_id => INT32
    responses => topic [partitions]
      topic => STRING
      partitions => see `partitionAt`

  INT16, INT32 and INT64 are big-endian. STRING is an INT16 length and UTF-8; [x] is an INT32 count and the items.
  Source: https://kafka.apache.org/protocol#The_Messages_Fetch; KIP-227 (session), KIP-392 (version 11)
*/
/**
 * Reads a fetch response in one pass, without an object for every number in it. The last batch of a partition may be cut
 * off, and is left out then. Partitions with compressed batches are read a second time, to unpack them; past
 * `UNPACKED_BYTES_MAX` a partition ends there, as if it were cut off. A batch that cannot be read, or takes more than that
 * alone, is an `UnreadBatch`.
 *
 * @returns undefined where a batch is older than Kafka 0.11
 */
export async function decodeFetch(bytes: Buffer): Promise<FetchAnswer | undefined> {
  const reader = new RecordReader(bytes);
  const rests: Rest[] = [];
  try {
    const clientSideThrottleTime = reader.int32();
    const [errorCode, sessionId] = [reader.int16(), reader.int32()];
    const responses = listOf(reader, () => ({
      topicName: reader.string16(),
      partitions: listOf(reader, () => partitionAt(reader, rests)),
    }));
    for (const rest of rests) await readOn(bytes, rest);
    // 0: the broker leaves it to its clients to wait, and kafkajs would ignore its answers for so long.
    return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
  } catch (error) {
    if (error instanceof Unread) return undefined;
    throw error;
  }
}

function listOf<T>(reader: RecordReader, read: () => T): T[] {
  const list: T[] = [];
  for (let left = reader.int32(); left > 0; left -= 1) list.push(read());
  return list;
}

/*
  partitions => partition_index error_code high_watermark last_stable_offset log_start_offset
                [aborted_transactions] preferred_read_replica records
    partition_index => INT32
    error_code => INT16
    high_watermark => INT64
    last_stable_offset => INT64
    log_start_offset => INT64
    aborted_transactions => producer_id first_offset; the count is -1 for null
      producer_id => INT64
      first_offset => INT64
    preferred_read_replica => INT32
    records => RECORDS: INT32 length in bytes, -1 for null, then batches, the last of which may be cut off

  Source: https://kafka.apache.org/protocol#The_Messages_Fetch; KIP-98 (transactions), KIP-392 (preferred replica)
*/
function partitionAt(reader: RecordReader, rests: Rest[]): FetchedPartition {
  return {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.digits64(),
    lastStableOffset: reader.digits64(),
    lastStartOffset: reader.digits64(),
    abortedTransactions: listOf(reader, () => ({ producerId: reader.digits64(), firstOffset: reader.digits64() })),
    preferredReadReplica: reader.int32(),
    messages: messagesAt(reader, rests),
  };
}

/** Up to the first compressed batch; from there on it is a rest. */
function messagesAt(reader: RecordReader, rests: Rest[]): FetchedMessage[] {
  const sizeBytes = Math.max(0, reader.int32());
  const end = reader.at + sizeBytes;
  const messages: FetchedMessage[] = [];
  for (let batch = batchAt(reader, end); batch !== undefined; batch = batchAt(reader, end)) {
    if (batch.codec !== 0) {
      rests.push({ at: batch.at, end, messages });
      break;
    }
    readRecords(reader, batch, reader, messages);
    reader.at = batch.end;
  }
  reader.at = end;
  return messages;
}

async function readOn(bytes: Buffer, { at, end, messages }: Rest): Promise<void> {
  const reader = new RecordReader(bytes);
  reader.at = at;
  let left = UNPACKED_BYTES_MAX;
  for (let batch = batchAt(reader, end); batch !== undefined; batch = batchAt(reader, end)) {
    // Of a batch whose records were all compacted away, the head stays.
    if (batch.codec === 0 || batch.count <= 0) {
      readRecords(reader, batch, reader, messages);
    } else {
      const unpacked = await unpack(reader, batch, left);
      // Fetched again, and then it is the first.
      if (unpacked instanceof TriplineError && unpacked.code === "body-too-large" && left < UNPACKED_BYTES_MAX) return;
      if (unpacked instanceof TriplineError) {
        messages.push(unreadBatch(reader, batch, unpacked));
      } else {
        readRecords(reader, batch, new RecordReader(unpacked, UNPACKED_TEXTS_MAX), messages);
        left -= unpackedSize(unpacked, batch.count);
      }
    }
    reader.at = batch.end;
  }
}

/** The error comes back where the batch cannot be read. */
async function unpack(reader: RecordReader, batch: BatchHead, bytesMax: number): Promise<Buffer | TriplineError> {
  const { codec, count, recordsAt, end } = batch;
  try {
    return await unpackRecords({ codec, count, bytes: reader.bytes.subarray(recordsAt, end) }, bytesMax);
  } catch (thrown) {
    if (thrown instanceof TriplineError) return thrown;
    throw thrown;
  }
}

/** RecordBatch => the head, the number of records, and the records. */
interface BatchHead {
  readonly at: number;
  readonly recordsAt: number;
  readonly end: number;
  readonly codec: number;
  readonly count: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Instead of each record's own time. */
  readonly appendedAtMs: number | undefined;
  readonly context: BatchContext;
}

/*
  RecordBatch (Magic: 2) =>
    baseOffset => INT64
    batchLength => INT32, bytes after this field
    partitionLeaderEpoch => INT32, skipped
    magic => INT8, at byte 16 as in the older formats, which are left to kafkajs
    crc => UINT32, skipped, as in kafkajs
    attributes => INT16, bits 0-2 codec (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd), 3 maxTimestamp is the time of every
                  record, 4 transactional, 5 control batch
    lastOffsetDelta => INT32
    baseTimestamp => INT64
    maxTimestamp => INT64
    producerId => INT64
    producerEpoch => INT16, skipped
    baseSequence => INT32, skipped
    records => [Record]: INT32 count, then records, which are compressed together if there is a codec

  Source: https://kafka.apache.org/documentation/#recordbatch; KIP-98, KIP-110 (zstd)
*/
/** Leaves the reader where the records begin. @returns undefined where no whole batch is left */
function batchAt(reader: RecordReader, partitionEnd: number): BatchHead | undefined {
  const { at } = reader;
  if (at + HEAD_BYTES > partitionEnd) return undefined;
  if (reader.bytes.readInt8(at + MAGIC_AT) !== MAGIC) throw new Unread();
  const end = at + LENGTH_BYTES + reader.bytes.readInt32BE(at + LENGTH_BYTES - 4);
  if (end > partitionEnd) return undefined;
  const firstOffset = reader.int64();
  // Its length, the leader's epoch, the format and the checksum, which kafkajs does not look at either.
  reader.at += 4 + 4 + 1 + 4;
  const attributes = reader.int16();
  const lastOffset = firstOffset + reader.int32();
  const [firstMs, lastMs] = [reader.int64(), reader.int64()];
  const producerId = reader.digits64();
  reader.at += 2 + 4;
  const context: BatchContext = {
    firstOffset: String(firstOffset),
    producerId,
    inTransaction: (attributes & TRANSACTIONAL_MASK) !== 0,
    isControlBatch: (attributes & CONTROL_MASK) !== 0,
  };
  const appendedAtMs = (attributes & LOG_APPEND_TIME_MASK) === 0 ? undefined : lastMs;
  const [codec, count] = [attributes & COMPRESSION_MASK, reader.int32()];
  // It would be read for ever.
  if (end < reader.at) throw new RangeError("a fetched batch ends before its records begin");
  return {
    at,
    recordsAt: reader.at,
    end,
    codec,
    count,
    firstOffset,
    lastOffset,
    firstMs,
    lastMs,
    appendedAtMs,
    context,
  };
}

/*
  Record => length body
    length => VARINT, bytes after this field
    body => see `contentAt`

  Source: https://kafka.apache.org/documentation/#record
*/
/** @param records at the first of them: the response itself, or what was unpacked */
function readRecords(answer: RecordReader, batch: BatchHead, records: RecordReader, messages: FetchedMessage[]): void {
  const before = messages.length;
  const end = records === answer ? batch.end : records.bytes.length;
  try {
    for (let left = batch.count; left > 0; left -= 1) {
      const size = records.varint();
      const recordEnd = size + records.at;
      if (size < 0 || recordEnd > end) throw new RangeError("a fetched record goes past the end of its batch");
      messages.push(new DecodedMessage(records.bytes, contentAt(records, batch), batch.context));
      if (records.at > recordEnd) throw new RangeError("a fetched record goes past its own end");
      records.at = recordEnd;
    }
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    messages.length = before;
    const error = new TriplineError("message-unreadable", `A batch cannot be read: ${thrown.message}`);
    messages.push(unreadBatch(answer, batch, error));
  }
}

function unreadBatch({ bytes }: RecordReader, batch: BatchHead, error: TriplineError): UnreadBatch {
  const { firstOffset, lastOffset, lastMs: timestampMs, count, recordsAt, end, context } = batch;
  const packed = bytes.subarray(recordsAt, end);
  return new UnreadBatch({ firstOffset, lastOffset, timestampMs, count, packed, error }, context);
}

/*
  body => attributes timestampDelta offsetDelta key value headers
    attributes => INT8, skipped: no bit is in use
    timestampDelta => VARLONG, added to the batch's baseTimestamp
    offsetDelta => VARINT, added to the batch's baseOffset
    keyLength => VARINT, -1 for null
    key => BYTES
    valueLength => VARINT, -1 for null
    value => BYTES
    headers => see `headersAt`

  Source: https://kafka.apache.org/documentation/#record; KIP-82, KIP-98
*/
function contentAt(reader: RecordReader, { firstOffset, firstMs, appendedAtMs }: BatchHead): RecordContent {
  reader.at += 1;
  const timestampMs = firstMs + reader.varint();
  const offset = firstOffset + reader.varint();
  const keyAt = reader.at;
  const keyText = reader.text(Math.max(0, reader.varint()), 0);
  const valueBytes = reader.varint();
  const value = valueBytes < 0 ? null : reader.bytes.subarray(reader.at, reader.at + valueBytes);
  reader.at += Math.max(0, valueBytes);
  return { offset, timestampMs: appendedAtMs ?? timestampMs, keyText, value, headerTexts: headersAt(reader), keyAt };
}

/*
  headers => VARINT count, then for each:
    headerKeyLength => VARINT
    headerKey => UTF-8
    headerValueLength => VARINT, -1 for null
    headerValue => BYTES

  Source: https://kafka.apache.org/documentation/#recordheader; KIP-82
*/
/** Values as UTF-8. If a name stands several times, the last value counts, as in Kafka's own clients. */
function headersAt(reader: RecordReader): Record<string, string> {
  const texts: Record<string, string> = {};
  const count = reader.varint();
  for (let index = 0; index < count; index += 1) {
    const name = reader.text(reader.varint(), 2 * index + 1);
    const valueBytes = reader.varint();
    if (valueBytes >= 0) texts[name] = reader.text(valueBytes, 2 * index + 2);
  }
  return texts;
}
