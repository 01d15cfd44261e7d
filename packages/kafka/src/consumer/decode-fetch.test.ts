import { createRequire } from "node:module";
import fc from "fast-check";
import type { KafkaMessage, Message } from "kafkajs";
import { RecordWriter } from "../producer/write-records.js";
import { asFetchedRecord } from "./dead-letter.js";
import { decodeFetch } from "./decode-fetch.js";
import type { DecodedMessage } from "./decoded-message.js";

interface TheirAnswer {
  readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly KafkaMessage[] }[] }[];
}

const theirs: { decode(bytes: Buffer): Promise<TheirAnswer> } = createRequire(import.meta.url)(
  "kafkajs/src/protocol/requests/fetch/v11/response.js",
);

interface Batch {
  readonly firstOffset: bigint;
  readonly attributes: number;
  readonly firstMs: bigint;
  readonly lastMs: bigint;
  readonly producerId: bigint;
  readonly messages: readonly Message[];
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
  for (const [index, message] of batch.messages.entries()) writer.record(message, index);
  writer.bytes.writeInt32BE(writer.at - start - 12, start + 8);
}

/** An answer with one topic and one partition. @param cutBytes missing at the end of its records */
function answerOf(batches: readonly Batch[], cutBytes = 0): Buffer {
  const records = new RecordWriter(Buffer.alloc(100_000));
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
  const [their, our] = [await theirs.decode(answer), decodeFetch(answer)];
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
  // Append time, transactional and control, in any combination.
  attributes: fc.constantFrom(0, 0, 0, 0x08, 0x10, 0x20, 0x30),
  firstMs: time,
  lastMs: time,
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }),
  messages: fc.array(message, { minLength: 1, maxLength: 6 }),
});

const plainBatch: Batch = {
  ...{ firstOffset: 5n, attributes: 0, firstMs: 1n, lastMs: 1n, producerId: -1n },
  messages: [{ key: "k", value: Buffer.from("v"), headers: {} }],
};

test("an answer is read as kafkajs reads it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 4 }), (batches) => expectSame(answerOf(batches))),
    { numRuns: 100, endOnFailure: true },
  );
});

test("of an answer that is cut off, the whole batches are read", async () => {
  await fc.assert(
    fc.asyncProperty(batch, batch, fc.nat(), async (first, last, seed) => {
      // No longer than the last batch, which may be shorter than any fixed cut: of a record without key and value 69 bytes.
      const lastBytes = answerOf([last]).length - answerOf([]).length;
      const answer = answerOf([first, last], 1 + (seed % lastBytes));
      await expectSame(answer);
      expect(messagesOf(decodeFetch(answer))).toHaveLength(first.messages.length);
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test("a cut within the first head leaves nothing", () => {
  const [whole, rest] = [answerOf([plainBatch]), 10];
  expect(messagesOf(decodeFetch(answerOf([plainBatch], 61 + 9 - rest)))).toEqual([]);
  expect(messagesOf(decodeFetch(whole))).toHaveLength(1);
});

test.each([1, 2, 3, 4])("what is compressed with codec %d is left to kafkajs", (attributes) => {
  expect(decodeFetch(answerOf([plainBatch, { ...plainBatch, attributes }]))).toBeUndefined();
});

test("what is older than record batches is left to kafkajs", () => {
  const answer = answerOf([plainBatch]);
  const magicAt = answer.length - (61 + 9) + 16;
  expect(answer[magicAt]).toBe(2);
  answer[magicAt] = 1;
  expect(decodeFetch(answer)).toBeUndefined();
});
