import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS } from "@tripline/contracts/headers";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Admin, Message, Producer } from "kafkajs";
import kafkajs from "kafkajs";
import { connectKafka } from "../connect-kafka.js";
import { clientOpener } from "../open-client.js";
import type { IncomingRecord, Kafka, KafkaAdmin, OwnPositions, RecordBatch } from "../port.js";
import { BatchCollector } from "../testing/batch-collector.js";
import { TestResources } from "../testing/test-resources.js";

// Node cannot detect these named exports in a CommonJS module.
const { CompressionCodecs, CompressionTypes } = kafkajs;

const TOPIC = "transactions";
const LETTERS = "transactions.dlq";

const onStop = (error: Error) => {
  throw error;
};

const resources = new TestResources();
let topicPrefix: string;
let kafka: Kafka;
let admin: KafkaAdmin;
let raw: Producer;
let rawAdmin: Admin;

beforeEach(async () => {
  const stack = await testStack();
  topicPrefix = stack.topicPrefix;
  kafka = connectKafka({ brokers: stack.kafkaBrokers, clientId: "test", topicPrefix });
  admin = resources.keep(await kafka.admin());
  const opener = clientOpener({ brokers: stack.kafkaBrokers, clientId: "raw", log: () => {} });
  const client = opener({ requestMsMax: 20_000, retry: {} });
  raw = client.kafka.producer();
  rawAdmin = client.kafka.admin();
  await Promise.all([raw.connect(), rawAdmin.connect()]);
  resources.keep({
    async close() {
      await Promise.all([raw.disconnect(), rawAdmin.disconnect()]);
      client.destroy();
    },
  });
});

afterEach(() => resources.close());

async function put(messages: Message[], compression = CompressionTypes.None): Promise<void> {
  const placed = messages.map((message) => ({ partition: 0, ...message }));
  await raw.send({ topic: topicPrefix + TOPIC, messages: placed, compression });
}

/** Codecs that kafkajs lacks. Snappy and LZ4 store the input uncompressed, as they do for incompressible data. */
CompressionCodecs[CompressionTypes.ZSTD] = packer((bytes) => zstdCompressSync(bytes));
CompressionCodecs[CompressionTypes.Snappy] = packer((bytes) => {
  const length = Buffer.from([(bytes.length & 0x7f) | 0x80, bytes.length >> 7, 61 << 2, 0, 0]);
  length.writeUInt16LE(bytes.length - 1, 3);
  return Buffer.concat([length, bytes]);
});
CompressionCodecs[CompressionTypes.LZ4] = packer((bytes) => {
  const [head, end] = [Buffer.from("04224d186040820000008000000000", "hex"), Buffer.alloc(4)];
  head.writeUInt32LE((0x80_00_00_00 | bytes.length) >>> 0, 7);
  return Buffer.concat([head.subarray(0, 11), bytes, end]);
});

function packer(pack: (bytes: Buffer) => Buffer) {
  const compress = async ({ buffer }: { readonly buffer: Buffer }) => pack(buffer);
  return () => ({ compress, decompress: () => Promise.reject(new Error("kafkajs unpacks nothing here")) });
}

/** Rejects values that start with a 0 byte, as a message parser would. */
function refuseZeros({ records }: RecordBatch): void {
  for (const { value } of records) if (value[0] === 0) throw new TriplineError("message-unreadable", "all zeros");
}

async function createTopics(letterBytesMax?: number): Promise<void> {
  if (letterBytesMax !== undefined) {
    const configEntries = [{ name: "max.message.bytes", value: String(letterBytesMax) }];
    await rawAdmin.createTopics({ topics: [{ topic: topicPrefix + LETTERS, configEntries }], waitForLeaders: false });
  }
  await admin.ensureTopics();
}

async function consume(group: string, topic: string, collector: BatchCollector): Promise<void> {
  resources.keep(await kafka.consume({ group, topics: [topic], handle: collector.handle, onStop }));
}

async function letters(count: number): Promise<readonly IncomingRecord[]> {
  const collector = new BatchCollector();
  await consume("letters", LETTERS, collector);
  await collector.untilRecords(count);
  return collector.records;
}

const texts = ({ records }: Pick<RecordBatch, "records">) => records.map(({ value }) => value.toString());
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

test.each([2.2, 8, 40])(
  "dead-letters by reference a gzip record that expands to %d MB, and its partition continues",
  async (size) => {
    const value = Buffer.alloc(size * 1_000_000);
    const headers = { [HEADERS.tenant]: "acme", padding: "x" };
    await createTopics();
    await put([{ value: "before" }]);
    await put([{ key: "card", value, headers }, { value: "beside" }], CompressionTypes.GZIP);
    const collector = new BatchCollector(refuseZeros);
    await consume("large", TOPIC, collector);
    const isUnread = size > 16;
    await collector.untilRecords(isUnread ? 1 : 2);
    await put([{ value: "after" }]);
    await collector.untilRecords(isUnread ? 2 : 3);
    expect(texts(collector)).toEqual(isUnread ? ["before", "after"] : ["before", "beside", "after"]);

    const [letter] = await letters(1);
    expect(letter?.value).toHaveLength(0);
    const { [REFERENCE_HEADERS.bytes]: bytes, [REFERENCE_HEADERS.sha256]: hash, ...others } = letter?.headers ?? {};
    const place = {
      [DEAD_LETTER_HEADERS.topic]: TOPIC,
      [DEAD_LETTER_HEADERS.partition]: "0",
      [DEAD_LETTER_HEADERS.offset]: "1",
      [DEAD_LETTER_HEADERS.group]: "large",
    };
    if (isUnread) {
      expect(others).toEqual({
        ...place,
        [DEAD_LETTER_HEADERS.code]: "body-too-large",
        [DEAD_LETTER_HEADERS.message]: "A batch of gzip data exceeds 16777216 bytes after decompression",
        [REFERENCE_HEADERS.reference]: "batch",
        [REFERENCE_HEADERS.records]: "2",
        [REFERENCE_HEADERS.lastOffset]: "2",
      });
      expect(Number(bytes)).toBeLessThan(1_000_000);
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
    } else {
      expect(others).toEqual({
        ...place,
        [HEADERS.tenant]: "acme",
        [DEAD_LETTER_HEADERS.code]: "message-unreadable",
        [DEAD_LETTER_HEADERS.message]: "all zeros",
        [REFERENCE_HEADERS.reference]: "record",
      });
      expect(letter?.key).toBe("card");
      expect([bytes, hash]).toEqual([String(value.length), sha256(value)]);
    }
  },
);

test("regression #12: dead-letters a small record with 3 MB of headers by reference", async () => {
  await createTopics();
  const headers = { [HEADERS.tenant]: "t".repeat(2_000), padding: Buffer.alloc(3_000_000) };
  await put([{ key: "k".repeat(2_000), value: Buffer.alloc(10), headers }, { value: "after" }], CompressionTypes.GZIP);
  const collector = new BatchCollector(refuseZeros);
  await consume("headers", TOPIC, collector);
  await collector.untilRecords(1);
  const [letter] = await letters(1);
  expect(letter).toMatchObject({ key: "", headers: { [REFERENCE_HEADERS.bytes]: "10" } });
  expect(letter?.headers[HEADERS.tenant]).toBeUndefined();
});

test("dead-letters a record by reference if the dead-letter topic rejects its size", async () => {
  await createTopics(3_000);
  await put([{ value: Buffer.alloc(10) }, { value: Buffer.alloc(5_000) }, { value: "after" }]);
  const collector = new BatchCollector(refuseZeros);
  await consume("small", TOPIC, collector);
  await collector.untilRecords(1);
  const found = await letters(2);
  expect(found.map(({ headers }) => headers[REFERENCE_HEADERS.bytes])).toEqual([undefined, "5000"]);
});

test("reads a batch of many small payments in gzip or zstd, and dead-letters a snappy or lz4 batch as one", async () => {
  await createTopics();
  const numbered = (from: number, count: number) =>
    [...Array(count).keys()].map((index) => ({ value: `${from + index}`.padEnd(300, `${(from + index) * 7919}`) }));
  await put(numbered(0, 20_000), CompressionTypes.GZIP);
  await put(numbered(20_000, 10), CompressionTypes.Snappy);
  await put(numbered(20_010, 20_000), CompressionTypes.ZSTD);
  await put(numbered(40_010, 10), CompressionTypes.LZ4);
  await put([{ value: "last" }]);
  const collector = new BatchCollector();
  await consume("codecs", TOPIC, collector);
  await collector.untilRecords(40_001);
  const expected = [...numbered(0, 20_000), ...numbered(20_010, 20_000), { value: "last" }];
  expect(texts(collector)).toEqual(expected.map(({ value }) => value));
  const found = await letters(2);
  expect(found.map(({ headers }) => headers[DEAD_LETTER_HEADERS.message])).toEqual([
    "A batch is compressed with snappy; only gzip and zstd can be read",
    "A batch is compressed with lz4; only gzip and zstd can be read",
  ]);
  expect(found.map(({ headers }) => headers[REFERENCE_HEADERS.records])).toEqual(["10", "10"]);
});

test("a handler with its own positions gets a batch's last offset; an unreadable dead letter stays", async () => {
  await createTopics();
  const send = async (compression: number, ...values: string[]) => {
    const messages = values.map((value) => ({ partition: 0, value }));
    await raw.send({ topic: topicPrefix + LETTERS, messages, compression });
  };
  await send(CompressionTypes.LZ4, "a", "b", "c");
  await send(CompressionTypes.None, "d");
  const deadLettered: string[] = [];
  const positions: OwnPositions = {
    begin: async () => 0,
    deadLettered: (topic, partition, offset, { code }) =>
      void deadLettered.push(`${topic}/${partition}@${offset} ${code}`),
  };
  const collector = new BatchCollector();
  const options = { group: "own", topics: [LETTERS], handle: collector.handle, positions, onStop };
  resources.keep(await kafka.consume(options));
  await collector.untilRecords(1);
  expect(texts(collector)).toEqual(["d"]);
  expect(deadLettered).toEqual([`${LETTERS}/0@2 message-unreadable`]);
  expect((await admin.endOffsets(LETTERS)).get(0)).toBe(4);
});
