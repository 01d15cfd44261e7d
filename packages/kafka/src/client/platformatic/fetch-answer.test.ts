import { gzipSync, zstdCompressSync } from "node:zlib";
import { createRecord } from "@platformatic/kafka";
import fc from "fast-check";
import { UnreadBatch } from "../../consumer/unread-batch.js";
import { readBatches } from "./fetch-answer.js";

const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4];
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;
const FIRST_MS = 1_790_000_000_000;

interface Batch {
  readonly firstOffset: number;
  readonly attributes?: number;
  readonly values: readonly (Buffer | null)[];
  readonly headers?: readonly (readonly [string, string])[];
  readonly producerId?: bigint;
  readonly magic?: number;
  /** Replaces the records. */
  readonly packed?: Buffer;
}

function recordsOf({ values, headers = [] }: Batch): Buffer {
  const map = new Map(headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)]));
  const records = values.map((value, index) => {
    // The library's types do not allow records without a value, which compacted topics contain.
    const message = { topic: "t", key: Buffer.from(`key-${index}`), value: value ?? Buffer.alloc(0), headers: map };
    if (value === null) Reflect.set(message, "value", null);
    return createRecord({ ...message, timestamp: BigInt(FIRST_MS + index) }, index, BigInt(FIRST_MS)).buffer;
  });
  return Buffer.concat(records);
}

/** https://kafka.apache.org/documentation/#recordbatch */
function bytesOf(batch: Batch): Buffer {
  const { firstOffset, attributes = 0, values, producerId = -1n, magic = 2, packed = recordsOf(batch) } = batch;
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(BigInt(firstOffset));
  head.writeInt32BE(head.length + packed.length - 12, 8);
  head.writeInt8(magic, 16);
  head.writeInt16BE(attributes, 21);
  head.writeInt32BE(Math.max(0, values.length - 1), 23);
  head.writeBigInt64BE(BigInt(FIRST_MS), 27);
  head.writeBigInt64BE(BigInt(FIRST_MS + 1_000), 35);
  head.writeBigInt64BE(producerId, 43);
  head.writeInt32BE(values.length, 57);
  return Buffer.concat([head, packed]);
}

function read(
  batches: readonly Batch[],
  { from = 0, cut = 0, aborted = [] as { producerId: bigint; firstOffset: number }[] } = {},
) {
  const whole = Buffer.concat(batches.map(bytesOf));
  const bytes = whole.subarray(0, whole.length - cut);
  return readBatches({ topic: "p.t", partition: 3, errorCode: 0, endOffset: 100, aborted, bytes }, "t", from);
}

const texts = (count: number, prefix = "v") =>
  [...Array(count).keys()].map((index) => Buffer.from(`${prefix}${index}`));
const before: Batch = { firstOffset: 1, values: texts(1, "before") };
const three: Batch = { firstOffset: 5, values: texts(3) };
const after: Batch = { firstOffset: 50, values: texts(1, "after") };

async function unreadAmong(batch: Batch): Promise<UnreadBatch> {
  const { records, nextOffset } = await read([before, batch, after]);
  expect(records.map(({ offset }) => offset)).toEqual([1, 4 + batch.values.length, 50]);
  expect(nextOffset).toBe(51);
  const raw = records[1]?.raw;
  if (!(raw instanceof UnreadBatch)) throw new Error("it was read");
  expect(raw).toMatchObject({ firstOffset: 5, count: batch.values.length });
  return raw;
}

test.each([0, GZIP, ZSTD])(
  "decodes records of codec %d with their bytes, strings and timestamps",
  async (attributes) => {
    const batch: Batch = {
      ...three,
      attributes,
      values: [Buffer.from([0xff]), null],
      headers: [
        ["a", "1"],
        ["a", "é"],
      ],
    };
    const pack = { 0: (bytes: Buffer) => bytes, [GZIP]: gzipSync, [ZSTD]: zstdCompressSync }[attributes];
    const { records, nextOffset } = await read([{ ...batch, packed: pack?.(recordsOf(batch)) ?? Buffer.alloc(0) }]);
    expect(nextOffset).toBe(7);
    expect(records).toMatchObject([
      { topic: "t", partition: 3, offset: 5, key: "key-0", value: Buffer.from([0xff]), timestampMs: FIRST_MS },
      {
        offset: 6,
        key: "key-1",
        value: Buffer.alloc(0),
        timestampMs: FIRST_MS + 1,
        headers: { a: "é" },
        raw: { value: null },
      },
    ]);
    const pairs = [
      ["a", "1"],
      ["a", "é"],
    ].map((pair) => pair.map((text) => Buffer.from(text)));
    expect(records[0]?.raw).toMatchObject({ key: Buffer.from("key-0"), headers: pairs });
  },
);

test("uses the append time for all records of a batch if the topic records it", async () => {
  const { records } = await read([{ ...three, attributes: LOG_APPEND_TIME }]);
  expect(records.map(({ timestampMs }) => timestampMs)).toEqual(Array(3).fill(FIRST_MS + 1_000));
});

test("leaves a truncated batch to the next fetch, and skips records before the requested offset", async () => {
  expect(await read([before, three], { cut: 1 })).toMatchObject({ records: [{ offset: 1 }], nextOffset: 2 });
  expect(await read([three], { cut: 70 })).toEqual({ records: [], nextOffset: undefined });
  expect((await read([three], { from: 6 })).records.map(({ offset }) => offset)).toEqual([6, 7]);
});

test("skips control records and records of aborted transactions", async () => {
  const of = (firstOffset: number, producerId: bigint): Batch => ({
    ...{ firstOffset, producerId, attributes: TRANSACTIONAL },
    values: texts(1, `${producerId} at ${firstOffset}`),
  });
  const end = (firstOffset: number, producerId: bigint) => ({
    ...of(firstOffset, producerId),
    attributes: TRANSACTIONAL | CONTROL,
  });
  const batches = [of(1, 7n), of(2, 8n), end(3, 7n), of(4, 7n), end(5, 8n), end(6, 7n)];
  const { records, nextOffset } = await read(batches, { aborted: [{ producerId: 7n, firstOffset: 1 }] });
  expect(records.map(({ offset }) => offset)).toEqual([2, 4]);
  expect(nextOffset).toBe(7);
});

test.each([
  [SNAPPY, "snappy"],
  [LZ4, "lz4"],
  [5, "codec 5"],
])("a batch compressed with codec %d becomes one record at its last offset", async (codec, name) => {
  const unread = await unreadAmong({ ...three, attributes: codec, packed: Buffer.from("packed") });
  expect(unread.error).toMatchObject({ code: "message-unreadable", message: expect.stringContaining(name) });
  // echo -n packed | sha256sum
  expect(unread.sha256).toBe("88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7");
  expect(unread.sizeBytes).toBe(6);
});

test.each([
  ["invalid gzip", { attributes: GZIP, packed: Buffer.from("nonsense") }],
  ["truncated inside", { attributes: GZIP, packed: gzipSync(recordsOf(three)).subarray(0, -9) }],
  ["invalid zstd", { attributes: ZSTD, packed: Buffer.from("nonsense") }],
  ["shorter than declared", { attributes: GZIP, packed: gzipSync(recordsOf({ ...three, values: texts(2) })) }],
  ["of a record with a negative length", { attributes: GZIP, packed: gzipSync(Buffer.from([1, 1, 1])) }],
  ["of a header with a negative length", { packed: Buffer.from([16, 0, 0, 0, 1, 1, 2, 1, 1]) }],
  [
    "of a record with two billion headers",
    { packed: Buffer.from([22, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]) },
  ],
  ["empty", { attributes: GZIP, packed: Buffer.alloc(0) }],
  ["older than Kafka 0.11", { magic: 1 }],
])("a batch that is %s does not block those behind it", async (_what, given) => {
  expect((await unreadAmong({ ...three, ...given })).error.code).toBe("message-unreadable");
});

test.each([
  // gzip accepts several concatenated members as one stream.
  ["gzip that expands to 300 MB", GZIP, Buffer.concat(Array(30).fill(gzipSync(Buffer.alloc(10_000_000))))],
  ["zstd that expands to 60 MB", ZSTD, zstdCompressSync(Buffer.alloc(60_000_000))],
  ["zstd that asks for a window of 128 MiB", ZSTD, Buffer.from("28b52ffd00881900", "hex")],
])("decompresses no more than the limit from a batch of %s", async (_name, attributes, packed) => {
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

test("regression #12: a batch with a huge number of empty records is also too large", async () => {
  const unread = await unreadAmong({
    ...three,
    attributes: GZIP,
    values: Array(70_000).fill(null),
    packed: gzipSync(""),
  });
  expect(unread.error).toMatchObject({ code: "body-too-large" });
});

test("accepts a compressed batch without records", async () => {
  const { records } = await read([before, { ...three, attributes: GZIP, values: [], packed: Buffer.alloc(0) }, after]);
  expect(records.map(({ offset }) => offset)).toEqual([1, 50]);
});

test("stops reading a partition at the limit, and continues with the next fetch", async () => {
  const large = (firstOffset: number): Batch => {
    const batch: Batch = { firstOffset, attributes: GZIP, values: [Buffer.alloc(10_000_000)] };
    return { ...batch, packed: gzipSync(recordsOf(batch)) };
  };
  const batches = [before, large(2), large(3), after];
  expect(await read(batches)).toMatchObject({ records: [{ offset: 1 }, { offset: 2 }], nextOffset: 3 });
  expect(await read(batches.slice(2))).toMatchObject({ records: [{ offset: 3 }, { offset: 50 }], nextOffset: 51 });
});

test("decodes a batch of any bytes or keeps it as unread, and continues with the next", async () => {
  const noise = fc.record({
    ...{ count: fc.integer({ min: 1, max: 5 }), at: fc.nat(), byte: fc.nat(255) },
    ...{ isPacked: fc.boolean(), isInside: fc.boolean() },
  });
  await fc.assert(
    fc.asyncProperty(noise, async ({ count, at, byte, isPacked, isInside }) => {
      const spoil = (bytes: Buffer) => {
        bytes[at % bytes.length] = byte;
        return bytes;
      };
      const batch: Batch = {
        firstOffset: 5,
        attributes: isPacked ? GZIP : 0,
        values: texts(count),
        headers: [["a", "b"]],
      };
      const inside = isInside ? spoil(recordsOf(batch)) : recordsOf(batch);
      const packed = isPacked ? gzipSync(inside) : inside;
      const { records } = await read([before, { ...batch, packed: isInside ? packed : spoil(packed) }, after], {
        // The offset may be the corrupted part.
        from: Number.MIN_SAFE_INTEGER,
      });
      expect(records[0]?.value.toString()).toBe("before0");
      expect(records.at(-1)?.value.toString()).toBe("after0");
      expect(records.length === count + 2 || records[1]?.raw instanceof UnreadBatch).toBe(true);
    }),
    { numRuns: 400, endOnFailure: true },
  );
});
