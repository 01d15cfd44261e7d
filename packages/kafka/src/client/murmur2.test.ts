import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { murmur2 } from "./murmur2.js";

const theirs = Partitioners.DefaultPartitioner();
const partitions = Array.from({ length: 50 }, (_, partitionId) => ({
  ...{ partitionId, partitionErrorCode: 0, leader: 1 },
  ...{ replicas: [1], isr: [1], offlineReplicas: [] },
}));

test("assigns keys to the same partitions as kafkajs and Kafka's Java client", () => {
  const hexadecimal = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 30, maxLength: 70 });
  const key = fc.oneof(fc.string(), fc.string({ unit: "binary" }), hexadecimal);
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 50 }), (text, count) => {
      const partitionMetadata = partitions.slice(0, count);
      const expected = theirs({ topic: "t", partitionMetadata, message: { key: text, value: null } });
      expect((murmur2(Buffer.from(text)) & 0x7fffffff) % count).toBe(expected);
    }),
    { numRuns: 500, endOnFailure: true },
  );
});

// Vectors of Apache Kafka's own UtilsTest.testMurmur2.
test.each([
  ["21", -973_932_308],
  ["foobar", -790_332_482],
  ["a-little-bit-long-string", -985_981_536],
  ["a-little-bit-longer-string", -1_486_304_829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
])("computes the known murmur2 hash of %s", (text, expected) => {
  expect(murmur2(Buffer.from(text))).toBe(expected);
});
