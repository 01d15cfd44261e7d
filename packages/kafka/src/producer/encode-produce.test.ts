import { createRequire } from "node:module";
import fc from "fast-check";
import type { Message } from "kafkajs";
import { crc32c } from "./checksum-bytes.js";
import type { TopicContent } from "./encode-produce.js";
import { encodeProduce } from "./encode-produce.js";

type Request = (content: Record<string, unknown>) => { encode(): Promise<{ readonly buffer: Buffer }> };

const theirRequest: Request = createRequire(import.meta.url)("kafkajs/src/protocol/requests/produce/v7/request.js");
const NOW_MS = 1_790_000_000_123;

/** What kafkajs itself writes at `NOW_MS`. */
async function theirs(topicData: readonly TopicContent[], producerId: string): Promise<Buffer> {
  const { now } = Date;
  Date.now = () => NOW_MS;
  try {
    const content = { acks: -1, timeout: 2_000, transactionalId: undefined, compression: 0, producerEpoch: 3 };
    return (await theirRequest({ ...content, producerId, topicData }).encode()).buffer;
  } finally {
    Date.now = now;
  }
}

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: "binary", maxLength: 80 }));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const content = fc.oneof(text, bytes);
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.oneof(text, bytes, fc.constant(null)),
  value: fc.oneof(bytes, text, fc.constant(null), fc.constant(Buffer.alloc(9_000, 7))),
  headers: fc.oneof(
    fc.dictionary(fc.string({ minLength: 1, maxLength: 70 }), fc.oneof(content, fc.array(content, { maxLength: 3 }))),
    fc.constant(undefined),
  ),
});
const topicData: fc.Arbitrary<TopicContent[]> = fc.array(
  fc.record({
    topic: fc.string({ minLength: 1 }),
    partitions: fc.array(
      fc.record({
        partition: fc.integer({ min: 0, max: 100 }),
        firstSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        messages: fc.array(message, { minLength: 1, maxLength: 5 }),
      }),
      { maxLength: 3 },
    ),
  }),
  { maxLength: 2 },
);

test("the bytes are those of kafkajs", async () => {
  await fc.assert(
    fc.asyncProperty(topicData, fc.bigInt({ min: -1n, max: 2n ** 62n }), async (data, producerId) => {
      const given = { acks: -1, timeout: 2_000, producerId, producerEpoch: 3, topicData: data };
      expect(encodeProduce(given, NOW_MS).equals(await theirs(data, producerId.toString()))).toBe(true);
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

test("a request with more than a hundred records to a partition is the same too", async () => {
  const messages = Array.from({ length: 9_000 }, (_, index) => ({ key: `k${index}`, value: Buffer.from("v") }));
  const data = [{ topic: "t", partitions: [{ partition: 0, firstSequence: 5, messages }] }];
  const given = { acks: -1, timeout: 2_000, producerId: 7n, producerEpoch: 3, topicData: data };
  expect(encodeProduce(given, NOW_MS).equals(await theirs(data, "7"))).toBe(true);
});

// RFC 3720 appendix B.4.
test.each([
  ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
  ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
  ["123456789", Buffer.from("123456789"), 0xe3069283],
])("CRC-32C of %s", (_name, input, expected) => {
  expect(crc32c(input, 0, input.length)).toBe(expected);
});
