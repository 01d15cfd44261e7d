import fc from "fast-check";
import { triplineError } from "../testing/states.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";

test("decodes numbers of any size in every form", () => {
  const edges = [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER];
  const number = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(...edges));
  fc.assert(
    fc.property(fc.array(number), (numbers) => {
      const writer = new ByteWriter(1);
      for (const value of numbers) {
        writer.varint(value);
        writer.u64(value);
        writer.u32(value % 2 ** 32);
        writer.u8(value % 256);
        writer.bytes(Uint8Array.of(1, value % 256));
      }
      const reader = new ByteReader(writer.copy());
      for (const value of numbers) {
        expect([reader.varint(), reader.u64(), reader.u32(), reader.u8()]).toEqual([
          value,
          value,
          value % 2 ** 32,
          value % 256,
        ]);
        expect([...reader.bytes(2)]).toEqual([1, value % 256]);
      }
      expect(reader.atEnd()).toBe(true);
    }),
  );
});

test("a writer starts over after reset, and its copies stay unchanged", () => {
  const writer = new ByteWriter(2);
  writer.u32(0x01020304);
  const first = writer.copy();
  writer.reset();
  writer.u8(9);
  expect([...first]).toEqual([4, 3, 2, 1]);
  expect([...writer.copy()]).toEqual([9]);
});

test("later writes do not change the bytes after a length", () => {
  const writer = new ByteWriter(2);
  writer.u8(1);
  const start = writer.length;
  writer.u8(2);
  const second = writer.since(start);
  for (let byte = 3; byte < 100; byte += 1) writer.u8(byte);
  expect([start, writer.length]).toEqual([1, 99]);
  expect([...second]).toEqual([2]);
  expect([...writer.since(97)]).toEqual([98, 99]);
});

test("writes doubles as protobuf and DataView read them", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const writer = new ByteWriter(1);
      writer.u8(9);
      writer.f64(value);
      const bytes = writer.copy();
      expect(bytes).toHaveLength(9);
      expect(new DataView(bytes.buffer).getFloat64(1, true)).toBe(value);
    }),
  );
});

test.each([
  ["a varint that does not end", [0x80], "truncated"],
  ["a varint of more than 53 bits", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], "too large"],
  ["a varint of nine bytes", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "too long"],
  ["no byte at all", [], "truncated"],
])("rejects %s", (_name, bytes, reason) => {
  expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(triplineError("state-unreadable", reason));
});

test("rejects a u64 beyond 2^53, and a length beyond the end", () => {
  const reader = new ByteReader(Uint8Array.from([0, 0, 0, 0, 0, 0, 0x20, 0]));
  expect(() => reader.u64()).toThrow(triplineError("state-unreadable", "too large"));
  expect(() => new ByteReader(Uint8Array.of(1, 2)).bytes(3)).toThrow(triplineError("state-unreadable", "truncated"));
  expect(() => new ByteReader(Uint8Array.of(1, 2)).u32()).toThrow(triplineError("state-unreadable", "truncated"));
});
