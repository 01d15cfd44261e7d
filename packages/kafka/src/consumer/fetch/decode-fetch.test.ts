import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { KafkaMessage, Message } from "kafkajs";
import { RecordWriter } from "../../producer/write-records.js";
import { asFetchedRecord } from "../dead-letter.js";
import { decodeFetch } from "./decode-fetch.js";
import type { DecodedMessage } from "./decoded-message.js";
import { UnreadBatch } from "./unread-batch.js";

interface TheirAnswer {
  readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly KafkaMessage[] }[] }[];
}

const theirs: { decode(bytes: Buffer): Promise<TheirAnswer> } = createRequire(import.meta.url)(
  "kafkajs/src/protocol/requests/fetch/v11/response.js",
);

const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4];

interface Batch {
  readonly firstOffset: bigint;
  readonly attributes: number;
  readonly firstMs: bigint;
  readonly lastMs: bigint;
  readonly producerId: bigint;
  readonly messages: readonly Message[];
  /** As they stand on the topic; otherwise the messages, packed as the attributes say. */
  readonly packed?: Buffer;
}

/** The records alone, one after another. */
function recordsOf(messages: readonly Message[]): Buffer {
  const writer = new RecordWriter(Buffer.alloc(100_000));
  for (const [index, message] of messages.entries()) writer.record(message, index);
  return writer.bytes.subarray(0, writer.at);
}

function pack({ attributes, messages, packed }: Batch): Buffer {
  if (packed !== undefined) return packed;
  const records = recordsOf(messages);
  if ((attributes & 7) === GZIP) return gzipSync(records);
  return (attributes & 7) === ZSTD ? zstdCompressSync(records) : records;
}

function writeBatch(writer: RecordWriter, batch: Batch): void {
  const start = writer.at;
  writer.int64(batch.firstOffset);
  writer.int32(0);
  writer.int32(0);
  writer.int8(2);
  writer.int32(0);
  writer.int16(batch.attributes);
  writer.int32(batch.messages.length - 1);
  writer.int64(batch.firstMs);
  writer.int64(batch.lastMs);
  writer.int64(batch.producerId);
  writer.int16(0);
  writer.int32(0);
  writer.int32(batch.messages.length);
  const packed = pack(batch);
  writer.bytes.set(packed, writer.at);
  writer.at += packed.length;
  writer.bytes.writeInt32BE(writer.at - start - 12, start + 8);
}

/** An answer with one topic and one partition. @param cutBytes missing at the end of its records */
function answerOf(batches: readonly Batch[], cutBytes = 0): Buffer {
  const records = new RecordWriter(Buffer.alloc(1_500_000));
  for (const batch of batches) writeBatch(records, batch);
  const size = Math.max(0, records.at - cutBytes);
  const writer = new RecordWriter(Buffer.alloc(size + 1_000));
  writer.int32(7);
  writer.int16(0);
  writer.int32(0);
  writer.int32(1);
  writer.string16("transactions");
  writer.int32(1);
  writer.int32(3);
  writer.int16(0);
  writer.int64(1_000n);
  writer.int64(999n);
  writer.int64(0n);
  writer.int32(1);
  writer.int64(42n);
  writer.int64(5n);
  writer.int32(-1);
  writer.int32(size);
  writer.bytes.set(records.bytes.subarray(0, size), writer.at);
  return writer.bytes.subarray(0, writer.at + size);
}

/** Everything that kafkajs and this package look at; some of it are getters. */
function plain(message: KafkaMessage | DecodedMessage) {
  const { key, value, offset, timestamp, headers } = message;
  const { firstOffset, producerId, inTransaction, isControlBatch } = Object(Reflect.get(message, "batchContext"));
  const isControlRecord: unknown = Reflect.get(message, "isControlRecord");
  return {
    key,
    value,
    offset,
    timestamp,
    headers,
    isControlRecord,
    firstOffset,
    producerId,
    inTransaction,
    isControlBatch,
  };
}

function messagesOf(decoded: TheirAnswer | undefined): KafkaMessage[] {
  return decoded?.responses.flatMap(({ partitions }) => partitions.flatMap(({ messages }) => messages)) ?? [];
}

async function expectSame(answer: Buffer): Promise<void> {
  const [their, our] = [await theirs.decode(answer), await decodeFetch(answer)];
  const [theirMessages, ourMessages] = [messagesOf(their), messagesOf(our)];
  expect(ourMessages.map(plain)).toEqual(theirMessages.map(plain));
  const records = ourMessages.map((message) => ({ ...asFetchedRecord("t", 3, message), raw: undefined }));
  expect(records).toEqual(theirMessages.map((message) => ({ ...asFetchedRecord("t", 3, message), raw: undefined })));
  const shell = (decoded: TheirAnswer | undefined) => JSON.parse(JSON.stringify(decoded, withoutMessages));
  expect(shell(our)).toEqual(shell(their));
}

const withoutMessages = (name: string, value: unknown) => (name === "messages" ? undefined : value);

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: "grapheme", maxLength: 40 }));
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const header = fc.oneof(text, bytes, fc.array(text, { minLength: 2, maxLength: 3 }));
const name = fc.string({ minLength: 1, maxLength: 20 }).filter((given) => given !== "__proto__");
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.oneof(text, bytes, fc.constant(null)),
  value: fc.oneof(bytes, fc.constant(null)),
  headers: fc.oneof(
    fc.dictionary(name, header),
    fc.constant({ schema: "tripline.events.v1.Transaction", tenant: "acme" }),
  ),
});
const time = fc.bigInt({ min: 0n, max: 2n ** 45n });
const batch: fc.Arbitrary<Batch> = fc.record({
  firstOffset: fc.bigInt({ min: 0n, max: 2n ** 52n }),
  // Append time, transactional, control and gzip, in any combination.
  attributes: fc.constantFrom(0, 0, 0, 0x08, 0x10, 0x20, 0x30, GZIP, GZIP, 0x18 + GZIP),
  firstMs: time,
  lastMs: time,
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }),
  messages: fc.array(message, { minLength: 1, maxLength: 6 }),
});

const plainBatch: Batch = {
  firstOffset: 5n,
  attributes: 0,
  firstMs: 1n,
  lastMs: 1n,
  producerId: -1n,
  messages: [{ key: "k", value: Buffer.from("v"), headers: {} }],
};

test("a response is read as kafkajs reads it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 4 }), (batches) => expectSame(answerOf(batches))),
    { numRuns: 100, endOnFailure: true },
  );
});

test("the whole batches of a response that is cut off are read", async () => {
  await fc.assert(
    fc.asyncProperty(batch, batch, fc.nat(), async (first, last, seed) => {
      // No longer than the last batch, which may be shorter than any fixed cut: of a record without key and value 69 bytes.
      const lastBytes = answerOf([last]).length - answerOf([]).length;
      const answer = answerOf([first, last], 1 + (seed % lastBytes));
      await expectSame(answer);
      expect(messagesOf(await decodeFetch(answer))).toHaveLength(first.messages.length);
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test("a cut within the first head leaves nothing", async () => {
  const [whole, rest] = [answerOf([plainBatch]), 10];
  expect(messagesOf(await decodeFetch(answerOf([plainBatch], 61 + 9 - rest)))).toEqual([]);
  expect(messagesOf(await decodeFetch(whole))).toHaveLength(1);
});

test("records compressed with zstd are read like uncompressed ones", async () => {
  const both = [{ ...plainBatch, firstOffset: 4n }, { ...plainBatch, attributes: ZSTD }, plainBatch];
  const [packed, plainOnes] = [answerOf(both), answerOf(both.map((each) => ({ ...each, attributes: 0 })))];
  expect(messagesOf(await decodeFetch(packed)).map(plain)).toEqual(messagesOf(await decodeFetch(plainOnes)).map(plain));
});

/** What follows and what precedes a batch that is not read. */
const [before, after] = [
  { ...plainBatch, firstOffset: 1n },
  { ...plainBatch, firstOffset: 50n },
];

async function unreadAmong(batch: Batch): Promise<UnreadBatch> {
  const messages = messagesOf(await decodeFetch(answerOf([before, batch, after])));
  expect(messages.map(({ offset }) => offset)).toEqual(["1", String(4 + batch.messages.length), "50"]);
  const [, unread] = messages;
  if (!(unread instanceof UnreadBatch)) throw new Error("it was read");
  expect(unread).toMatchObject({ firstOffset: 5, count: batch.messages.length });
  return unread;
}

const three = { ...plainBatch, messages: Array(3).fill(plainBatch.messages[0]) };

test.each([
  [SNAPPY, "snappy"],
  [LZ4, "lz4"],
  [5, "codec 5"],
])("a batch compressed with codec %d stands as one message in the place of its last record", async (codec, name) => {
  const unread = await unreadAmong({ ...three, attributes: codec, packed: Buffer.from("packed") });
  expect(unread.error).toMatchObject({ code: "message-unreadable", message: expect.stringContaining(name) });
  // echo -n packed | sha256sum
  expect(unread.sha256).toBe("88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7");
  expect(unread.sizeBytes).toBe(6);
});

const whole = gzipSync(recordsOf(three.messages));
test.each([
  ["not gzip at all", GZIP, Buffer.from("nonsense")],
  ["cut off", GZIP, whole.subarray(0, -9)],
  ["not zstd at all", ZSTD, Buffer.from("nonsense")],
  ["fewer records than it says", GZIP, gzipSync(recordsOf(three.messages.slice(1)))],
  ["a record of a length below 0", GZIP, gzipSync(Buffer.from([0x01, 0x01, 0x01]))],
  ["a header whose name has a length below 0", GZIP, gzipSync(Buffer.from([16, 0, 0, 0, 1, 1, 2, 1, 1]))],
  ["nothing", GZIP, Buffer.alloc(0)],
])("a batch that is %s does not hold up those behind it", async (_what, attributes, packed) => {
  expect((await unreadAmong({ ...three, attributes, packed })).error.code).toBe("message-unreadable");
});

const bombs = () =>
  [
    // gzip takes members one after another as one.
    ["gzip, really 300 MB", GZIP, Buffer.concat(Array(30).fill(gzipSync(Buffer.alloc(10_000_000))))],
    ["zstd, really 60 MB", ZSTD, zstdCompressSync(Buffer.alloc(60_000_000))],
    ["zstd that asks for a window of 128 MiB", ZSTD, Buffer.from("28b52ffd00881900", "hex")],
  ] as const;

test.each(bombs())("no more than the bound is unpacked of a batch of %s", async (_name, attributes, packed) => {
  const heldBytes = () => process.memoryUsage().arrayBuffers;
  const atFirst = heldBytes();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, heldBytes() - atFirst);
  }, 1);
  const unread = await unreadAmong({ ...three, attributes, packed });
  clearInterval(watch);
  expect(unread.error).toMatchObject({ code: "body-too-large", message: expect.stringContaining("16777216 bytes") });
  expect(most).toBeLessThan(64 * 1024 ** 2);
});

test("a compressed batch without records is not unreadable", async () => {
  const empty = { ...plainBatch, attributes: GZIP, messages: [], packed: Buffer.alloc(0) };
  const messages = messagesOf(await decodeFetch(answerOf([before, empty, after])));
  expect(messages.map(({ offset }) => offset)).toEqual(["1", "50"]);
});

test("regression #12: a batch of very many empty records is too large as well", async () => {
  const messages = Array(70_000).fill({ value: null });
  const unread = await unreadAmong({ ...three, attributes: GZIP, messages, packed: whole });
  expect(unread.error).toMatchObject({ code: "body-too-large" });
});

test("a partition ends at the bound, and the next fetch goes on from there", async () => {
  const large = (firstOffset: bigint): Batch => {
    const writer = new RecordWriter(Buffer.alloc(10_100_000));
    writer.record({ value: Buffer.alloc(10_000_000) }, 0);
    const packed = gzipSync(writer.bytes.subarray(0, writer.at));
    return { ...plainBatch, firstOffset, attributes: GZIP, packed };
  };
  const batches = [before, large(2n), large(3n), after];
  const read = async (from: number) => messagesOf(await decodeFetch(answerOf(batches.slice(from))));
  expect((await read(0)).map(({ offset }) => offset)).toEqual(["1", "2"]);
  const rest = await read(2);
  expect(rest.map(({ offset }) => offset)).toEqual(["3", "50"]);
  expect(rest[0]?.value).toHaveLength(10_000_000);
});

test("a batch of any bytes is read or kept as unread, and what follows is read", async () => {
  const noise = fc.record({
    batch: batch.map((given) => ({ ...given, firstOffset: 5n, attributes: given.attributes & GZIP })),
    at: fc.nat(),
    byte: fc.nat(255),
    isInside: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(noise, async ({ batch, at, byte, isInside }) => {
      const spoil = (bytes: Buffer) => {
        bytes[at % bytes.length] = byte;
        return bytes;
      };
      const records = recordsOf(batch.messages);
      const isPacked = batch.attributes === GZIP;
      const inside = isInside ? spoil(records) : records;
      const packed = isPacked ? gzipSync(inside) : inside;
      const messages = messagesOf(
        await decodeFetch(answerOf([before, { ...batch, packed: isInside ? packed : spoil(packed) }, after])),
      );
      expect(messages[0]?.offset).toBe("1");
      expect(messages.at(-1)?.offset).toBe("50");
      const { length } = messages.slice(1, -1);
      expect(length === batch.messages.length || messages[1] instanceof UnreadBatch).toBe(true);
    }),
    { numRuns: 400, endOnFailure: true },
  );
});

test("formats older than record batches are left to kafkajs", async () => {
  const answer = answerOf([plainBatch]);
  const magicAt = answer.length - (61 + 9) + 16;
  expect(answer[magicAt]).toBe(2);
  answer[magicAt] = 1;
  expect(await decodeFetch(answer)).toBeUndefined();
});
