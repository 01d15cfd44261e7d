import type { Message } from "kafkajs";
import { crc32c } from "./checksum-bytes.js";
import { RecordWriter, recordBytesMax } from "./write-records.js";

/** What kafkajs gives the encoder of its produce requests. */
export interface ProduceContent {
  readonly acks: number;
  readonly timeout: number;
  /** -1 for a producer that is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly topicData: readonly TopicContent[];
}

export interface TopicContent {
  readonly topic: string;
  readonly partitions: readonly PartitionContent[];
}

export interface PartitionContent {
  readonly partition: number | string;
  readonly firstSequence: number;
  readonly messages: readonly Message[];
}

const REQUEST_BYTES = 12;
const TOPIC_BYTES = 6;
const PARTITION_BYTES = 8;
/** https://kafka.apache.org/documentation/#recordbatch */
const BATCH_HEAD_BYTES = 61;
/** Where in a batch its length ends, and where what the checksum covers begins. */
const LENGTH_END = 12;
const CHECKSUM_AT = 17;
const CHECKED_FROM = 21;
const MAGIC = 2;

/*
  Produce Request (Version: 3 to 7) => transactional_id acks timeout_ms [topic_data]
    transactional_id => NULLABLE_STRING, here always null (length -1)
    acks => INT16, -1 for all replicas in sync
    timeout_ms => INT32
    topic_data => name [partition_data]
      name => STRING
      partition_data => index records
        index => INT32
        records => RECORDS: INT32 length in bytes, then one RecordBatch

  INT16, INT32 and INT64 are big-endian. STRING is an INT16 length and UTF-8; [x] is an INT32 count and the items.
  Source: https://kafka.apache.org/protocol#The_Messages_Produce; KIP-98 (version 3), KIP-110 (version 7)
*/
/**
 * The body of a produce request without transaction and compression: one buffer, written once. kafkajs makes a buffer for
 * every part of every record, which took two thirds of a producer's time.
 *
 * @param nowMs the time of all records
 */
export function encodeProduce(content: ProduceContent, nowMs: number): Buffer {
  const writer = new RecordWriter(Buffer.allocUnsafe(bytesMax(content.topicData)));
  writer.int16(-1);
  writer.int16(content.acks);
  writer.int32(content.timeout);
  writer.int32(content.topicData.length);
  for (const { topic, partitions } of content.topicData) {
    writer.string16(topic);
    writer.int32(partitions.length);
    for (const partition of partitions) {
      writer.int32(Number(partition.partition));
      const sizeAt = writer.at;
      writer.int32(0);
      writeBatch(writer, content, partition, BigInt(nowMs));
      writer.bytes.writeInt32BE(writer.at - sizeAt - 4, sizeAt);
    }
  }
  return writer.bytes.subarray(0, writer.at);
}

function bytesMax(topicData: readonly TopicContent[]): number {
  let room = REQUEST_BYTES;
  for (const { topic, partitions } of topicData) {
    room += TOPIC_BYTES + Buffer.byteLength(topic);
    for (const { messages } of partitions) {
      room += PARTITION_BYTES + BATCH_HEAD_BYTES;
      for (const message of messages) room += recordBytesMax(message);
    }
  }
  return room;
}

/*
  RecordBatch (Magic: 2) =>
    baseOffset => INT64, 0: the broker fills it in
    batchLength => INT32, bytes after this field
    partitionLeaderEpoch => INT32, 0: the broker fills it in
    magic => INT8, 2
    crc => UINT32, CRC-32C of everything after this field
    attributes => INT16, bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control batch; here 0
    lastOffsetDelta => INT32, number of records less 1
    baseTimestamp => INT64, epoch milliseconds
    maxTimestamp => INT64, the same: all records have the time of their batch
    producerId => INT64, -1 for a producer that is not idempotent
    producerEpoch => INT16
    baseSequence => INT32
    records => [Record]

  Source: https://kafka.apache.org/documentation/#recordbatch; KIP-98
*/
function writeBatch(
  writer: RecordWriter,
  { producerId, producerEpoch }: ProduceContent,
  { firstSequence, messages }: PartitionContent,
  nowMs: bigint,
): void {
  const start = writer.at;
  const { bytes } = writer;
  // The broker fills in the base offset; length and checksum are known at the end.
  writer.int64(0n);
  writer.int32(0);
  writer.int32(0);
  writer.int8(MAGIC);
  writer.int32(0);
  writer.int16(0);
  writer.int32(messages.length - 1);
  writer.int64(nowMs);
  writer.int64(nowMs);
  writer.int64(producerId);
  writer.int16(producerEpoch);
  writer.int32(firstSequence);
  writer.int32(messages.length);
  for (const [index, message] of messages.entries()) writer.record(message, index);
  bytes.writeInt32BE(writer.at - start - LENGTH_END, start + LENGTH_END - 4);
  bytes.writeUInt32BE(crc32c(bytes, start + CHECKED_FROM, writer.at), start + CHECKSUM_AT);
}
