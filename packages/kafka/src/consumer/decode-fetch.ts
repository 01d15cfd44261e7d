import type { BatchContext, RecordContent } from "./decoded-message.js";
import { DecodedMessage } from "./decoded-message.js";
import { RecordReader } from "./record-reader.js";

/** The answer to a fetch, as kafkajs has it. */
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
  readonly messages: readonly DecodedMessage[];
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

/**
 * Reads the answer to a fetch request of version 11 in one pass, without an object for every number in it. The last
 * batch of a partition may be cut off, and is left out then.
 *
 * @returns undefined where a batch is compressed or older than Kafka 0.11
 */
export function decodeFetch(bytes: Buffer): FetchAnswer | undefined {
  const reader = new RecordReader(bytes);
  try {
    const clientSideThrottleTime = reader.int32();
    const [errorCode, sessionId] = [reader.int16(), reader.int32()];
    const responses = listOf(reader, () => ({
      topicName: reader.string16(),
      partitions: listOf(reader, () => partitionAt(reader)),
    }));
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

function partitionAt(reader: RecordReader): FetchedPartition {
  return {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.digits64(),
    lastStableOffset: reader.digits64(),
    lastStartOffset: reader.digits64(),
    abortedTransactions: listOf(reader, () => ({ producerId: reader.digits64(), firstOffset: reader.digits64() })),
    preferredReadReplica: reader.int32(),
    messages: messagesAt(reader),
  };
}

function messagesAt(reader: RecordReader): DecodedMessage[] {
  const sizeBytes = Math.max(0, reader.int32());
  const end = reader.at + sizeBytes;
  const messages: DecodedMessage[] = [];
  while (reader.at + HEAD_BYTES <= end) {
    if (reader.bytes.readInt8(reader.at + MAGIC_AT) !== MAGIC) throw new Unread();
    const batchEnd = reader.at + LENGTH_BYTES + reader.bytes.readInt32BE(reader.at + LENGTH_BYTES - 4);
    if (batchEnd > end) break;
    readBatch(reader, batchEnd, messages);
    reader.at = batchEnd;
  }
  reader.at = end;
  return messages;
}

/** RecordBatch => the head, the number of records, and the records. */
function readBatch(reader: RecordReader, end: number, messages: DecodedMessage[]): void {
  const firstOffset = reader.int64();
  // Its length, the leader's epoch, the format and the checksum, which kafkajs does not look at either.
  reader.at += 4 + 4 + 1 + 4;
  const attributes = reader.int16();
  if ((attributes & COMPRESSION_MASK) !== 0) throw new Unread();
  reader.at += 4;
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
  for (let left = reader.int32(); left > 0; left -= 1) {
    const recordEnd = reader.varint() + reader.at;
    if (recordEnd > end) throw new RangeError("a fetched record goes past the end of its batch");
    messages.push(new DecodedMessage(reader.bytes, contentAt(reader, firstOffset, firstMs, appendedAtMs), context));
    reader.at = recordEnd;
  }
}

function contentAt(
  reader: RecordReader,
  firstOffset: number,
  firstMs: number,
  appendedAtMs: number | undefined,
): RecordContent {
  // Attributes, of which none are in use.
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

/** Values as UTF-8; of a header that stands several times, the last, as Kafka's own clients do. */
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
