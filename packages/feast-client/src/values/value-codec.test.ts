import { types } from "node:util";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { EVERY_TYPE, toJavaScript } from "../testing/every-type.js";
import { decodeFields } from "./decode-fields.js";
import { decodeValue } from "./decode-value.js";
import { encodeValue } from "./encode-value.js";
import { encodeTimestamp, readTimestampMs } from "./timestamp.js";
import type { FeastValue, ValueType } from "./value-types.js";
import { exactInteger, VALUE_TYPE_NUMBERS } from "./value-types.js";

const text = fc.string({ unit: "grapheme" });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** The codec's result for 64-bit integers: a number if it is exact. The smallest one means "no timestamp". */
const int64 = fc.bigInt({ min: 1n - 2n ** 63n, max: 2n ** 63n - 1n }).map(exactInteger);
const float = fc.float().map(Math.fround);
const bytes = fc.uint8Array().map((array) => Uint8Array.from(array));
const uuid = fc.uuid();

const SCALARS: Partial<Record<ValueType, fc.Arbitrary<FeastValue>>> = {
  BYTES: bytes,
  STRING: text,
  INT32: int32,
  INT64: int64,
  DOUBLE: fc.double(),
  FLOAT: float,
  BOOL: fc.boolean(),
  UNIX_TIMESTAMP: int64,
  JSON: fc.json(),
  UUID: uuid,
  TIME_UUID: uuid,
  DECIMAL: fc.integer().map((number) => `${number}.50`),
};

/** Valid values in a map: Feast infers their type from the value. */
const inner = fc.oneof(
  text,
  fc.boolean(),
  int64,
  fc.double().filter((value) => !Number.isInteger(value)),
  bytes,
  fc.constant(null),
);
const map = fc.dictionary(text, fc.oneof(inner, fc.array(text, { minLength: 1 }), fc.dictionary(text, inner)));

const MESSAGES: Partial<Record<ValueType, fc.Arbitrary<FeastValue>>> = {
  MAP: map,
  STRUCT: map,
  MAP_LIST: fc.array(map),
  STRUCT_LIST: fc.array(map),
  VALUE_LIST: fc.array(fc.option(fc.array(text, { minLength: 1 }))),
  VALUE_SET: fc.array(fc.array(int32, { minLength: 1 })),
  SCALAR_MAP: fc.array(fc.tuple(int64, inner)).map((entries) => new Map(entries)),
  ZONED_TIMESTAMP: fc.record({ unixTimestamp: int64, zone: text }),
};

function arbitraryOf(type: ValueType): fc.Arbitrary<FeastValue> {
  const item = SCALARS[type.replace(/_(LIST|SET)$/, "") as ValueType];
  const known = MESSAGES[type] ?? SCALARS[type];
  if (known !== undefined) return known;
  if (item === undefined) throw new Error(`There is no arbitrary for ${type}.`);
  if (type.endsWith("_LIST")) return fc.array(item);
  return fc.uniqueArray(item, {
    // As in Python's sets, 0 equals -0 and NaN equals itself.
    comparator: "SameValueZero",
    selector: (value) => (value instanceof Uint8Array ? value.join() : value),
  });
}

test.each(Object.keys(VALUE_TYPE_NUMBERS) as ValueType[])("reads %s values as they were written", (type) => {
  fc.assert(
    fc.property(arbitraryOf(type), (value) => {
      const written = Buffer.from(encodeValue(type, value, "field"));
      expect(decodeValue(written)).toEqual(value);
      // decodeValue's fast path gives the same result as its slow path.
      expect(decodeFields(written)).toEqual(value);
    }),
  );
});

test("reads any bytes as a value or an error", () => {
  const tags = fc.constantFrom(0x12, 0x18, 0x20, 0x29, 0x35, 0x38, 0x40, 0x62, 0x72, 0xa2, 0xd2, 0xfa);
  const garbage = fc.tuple(tags, fc.uint8Array({ maxLength: 40 })).map(([tag, rest]) => Buffer.from([tag, ...rest]));
  fc.assert(
    fc.property(
      fc.oneof(
        garbage,
        fc.uint8Array().map((array) => Buffer.from(array)),
      ),
      (buffer) => {
        const read = (decode: (content: Buffer) => FeastValue) => {
          try {
            return { value: decode(buffer) };
          } catch (error) {
            expect(types.isNativeError(error)).toBe(true);
            return "error";
          }
        };
        expect(read(decodeValue)).toEqual(read(decodeFields));
      },
    ),
    { numRuns: 5_000 },
  );
});

test.each(EVERY_TYPE)("reads a truncated $type as an error or a shorter value", ({ type, json }) => {
  const whole = Buffer.from(encodeValue(type, toJavaScript(type, json), "field"));
  for (let length = 1; length < whole.length; length += 1) {
    const part = whole.subarray(0, length);
    // A two-byte tag truncated after its first byte is also an error.
    expect(() => decodeValue(part)).toThrow();
  }
});

/** A Value with these fields, each written by hand. */
function written(write: (writer: BinaryWriter) => BinaryWriter): Buffer {
  return Buffer.from(write(new BinaryWriter()).finish());
}

test.each([
  ["an empty value", Buffer.alloc(0), null],
  ["null_val", written((writer) => writer.tag(19, WireType.Varint).int32(0)), null],
  [
    "the NaT that Feast stores for no timestamp",
    written((writer) => writer.tag(8, WireType.Varint).int64(-(2n ** 63n))),
    null,
  ],
  [
    "unpacked numbers",
    written((writer) =>
      writer
        .tag(14, WireType.LengthDelimited)
        .fork()
        .tag(1, WireType.Varint)
        .int64(7)
        .tag(1, WireType.Varint)
        .int64(8)
        .join(),
    ),
    [7, 8],
  ],
  [
    "NaT in a list",
    written((writer) =>
      writer
        .tag(18, WireType.LengthDelimited)
        .fork()
        .tag(1, WireType.LengthDelimited)
        .fork()
        .int64(-(2n ** 63n))
        .int64(5)
        .join()
        .join(),
    ),
    [null, 5],
  ],
  [
    "the key __proto__",
    Buffer.from(encodeValue("MAP", JSON.parse('{"__proto__": 1}'), "f")),
    JSON.parse('{"__proto__": 1}'),
  ],
  [
    "the last of two fields",
    written((writer) => writer.tag(4, WireType.Varint).int64(7).tag(2, WireType.LengthDelimited).string("x")),
    "x",
  ],
  ["the largest exact number", written((writer) => writer.tag(4, WireType.Varint).int64(2 ** 53 - 1)), 2 ** 53 - 1],
  ["the number after it", written((writer) => writer.tag(4, WireType.Varint).int64(2n ** 53n)), 2n ** 53n],
  ["the lowest 32 bits", written((writer) => writer.tag(3, WireType.Varint).int32(-(2 ** 31))), -(2 ** 31)],
])("reads %s", (_name, bytes, expected) => {
  expect(decodeValue(bytes)).toEqual(expected);
});

test("writes a missing time in a list like Feast", () => {
  expect(decodeValue(Buffer.from(encodeValue("UNIX_TIMESTAMP_LIST", [null, 5], "f")))).toEqual([null, 5]);
});

test("rejects deeply nested maps, in bytes and in objects", () => {
  let value: FeastValue = 1;
  for (let depth = 0; depth < 100; depth += 1) value = { inner: value };
  expect(() => encodeValue("MAP", value, "field")).toThrow(expect.objectContaining({ code: "invalid-value" }));
  let message = new Uint8Array();
  for (let depth = 0; depth < 100; depth += 1) {
    const entry = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(message).finish();
    const content = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
    message = Uint8Array.from(new BinaryWriter().tag(20, WireType.LengthDelimited).bytes(content).finish());
  }
  expect(() => decodeValue(Buffer.from(message))).toThrow("is nested more than");
});

test.each<[ValueType, unknown]>([
  ["STRING", 1],
  ["STRING", "\ud800"],
  ["BYTES", "AA=="],
  ["INT32", 2 ** 31],
  ["INT32", 1.5],
  ["INT32", "1"],
  ["INT32", Number.NaN],
  ["INT64", 2 ** 53],
  ["INT64", 2n ** 63n],
  ["INT64", 0.5],
  ["INT64", Number.POSITIVE_INFINITY],
  ["DOUBLE", 1n],
  ["DOUBLE", "1"],
  ["FLOAT", 1e39],
  ["BOOL", 1],
  ["UNIX_TIMESTAMP", new Date(0)],
  ["UNIX_TIMESTAMP", 1.5],
  ["JSON", "{"],
  ["UUID", "6ba7b810"],
  ["DECIMAL", "1,5"],
  ["DECIMAL", 1.5],
  ["INT64_LIST", 1],
  ["INT64_LIST", [1, null]],
  ["STRING_SET", ["a", "a"]],
  ["INT64_SET", [1, 1n]],
  ["BYTES_SET", [Uint8Array.of(1), Uint8Array.of(1)]],
  ["MAP", [1]],
  ["MAP", new Map()],
  ["MAP", { a: undefined }],
  ["MAP", { a: [1, "x"] }],
  ["MAP", { a: new Date(0) }],
  ["VALUE_LIST", [1]],
  ["SCALAR_MAP", { a: 1 }],
  ["SCALAR_MAP", new Map([["a", 1]])],
  ["ZONED_TIMESTAMP", 1],
  ["ZONED_TIMESTAMP", { unixTimestamp: 1.5, zone: "UTC" }],
  ["DOUBLE", undefined],
])("rejects a value as %s: %p", (type, value) => {
  const fault = expect.objectContaining({ code: "invalid-value", message: expect.stringContaining("view:feature") });
  expect(() => encodeValue(type, value, "view:feature")).toThrow(fault);
});

test("keeps microseconds", () => {
  // Until the year 2100, so that milliseconds in a double are exact to the microsecond.
  const micros = fc.integer({ min: 1_000, max: 4_102_444_800_000_000 });
  fc.assert(
    fc.property(micros, (time) => {
      expect(Math.round(readTimestampMs(encodeTimestamp(time / 1_000, "at")) * 1_000)).toBe(time);
    }),
  );
  for (const time of [Number.NaN, -1, 0, 253_402_300_800_000, Number.POSITIVE_INFINITY]) {
    expect(() => encodeTimestamp(time, "at")).toThrow(expect.objectContaining({ code: "invalid-value", field: "at" }));
  }
});
