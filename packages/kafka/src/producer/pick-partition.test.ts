import fc from "fast-check";
import type { PartitionMetadata } from "kafkajs";
import { Partitioners } from "kafkajs";
import { murmur2, pickPartition } from "./pick-partition.js";

const partitionMetadata = (count: number): PartitionMetadata[] =>
  Array.from({ length: count }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
    offlineReplicas: [],
  }));

const theirs = Partitioners.DefaultPartitioner();
const ours = pickPartition();

test("keys go where kafkajs, and with it Kafka's Java client, puts them", () => {
  const hexadecimal = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 30, maxLength: 70 });
  const key = fc.oneof(fc.string(), fc.string({ unit: "binary" }), hexadecimal);
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 50 }), (text, count) => {
      const args = { topic: "t", partitionMetadata: partitionMetadata(count), message: { key: text, value: null } };
      expect(ours(args)).toBe(theirs(args));
    }),
    { numRuns: 500, endOnFailure: true },
  );
});

test("a partition that is asked for is taken, and a key of bytes is hashed too", () => {
  const args = { topic: "t", partitionMetadata: partitionMetadata(6) };
  expect(ours({ ...args, message: { key: "a", value: null, partition: 5 } })).toBe(5);
  const bytes = { ...args, message: { key: Buffer.from("card"), value: null } };
  expect(ours(bytes)).toBe(theirs(bytes));
});

// Vectors of Apache Kafka's own UtilsTest.testMurmur2.
test.each([
  ["21", -973_932_308],
  ["foobar", -790_332_482],
  ["a-little-bit-long-string", -985_981_536],
  ["a-little-bit-longer-string", -1_486_304_829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
])("murmur2 of %s", (text, expected) => {
  expect(murmur2(text)).toBe(expected);
});
