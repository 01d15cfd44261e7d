import { ByteWriter } from "@tripline/feature-engine/byte-writer";

/*
 * The compact protocol of Apache Thrift (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md),
 * as far as footers of Parquet files use it: any value is read without knowing what it means, and written again as the same
 * bytes. Not known here: maps, sets and doubles, which no footer has.
 */

/** Types of the protocol. A struct's booleans have their value as their type. */
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

export type ThriftValue =
  | { readonly type: typeof TRUE | typeof FALSE | typeof BYTE; readonly value: number }
  | { readonly type: typeof I16 | typeof I32 | typeof I64; value: bigint }
  | { readonly type: typeof BINARY; readonly value: Uint8Array }
  | { readonly type: typeof LIST; readonly of: number; readonly value: ThriftValue[] }
  /** A struct, or the bytes of one that was written already. */
  | { readonly type: typeof STRUCT; readonly value: Map<number, ThriftValue> | Uint8Array };

/** The fields of a struct by their ids. */
export type ThriftStruct = Map<number, ThriftValue>;

/** @throws RangeError for bytes that are cut short or of a type that is not known here */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  const reader = new Reader(bytes);
  const struct = reader.struct();
  if (reader.at !== bytes.length) throw new RangeError("there are bytes behind the last field");
  return struct;
}

export function writeThrift(struct: ThriftStruct): Uint8Array {
  const writer = new ByteWriter();
  writeStruct(writer, struct);
  return writer.copy();
}

/** The whole number in a field; undefined where there is none. */
export function integerOf(struct: ThriftStruct, field: number): number | undefined {
  const value = struct.get(field);
  return value?.type === I64 || value?.type === I32 || value?.type === I16 ? Number(value.value) : undefined;
}

export function setInteger(struct: ThriftStruct, field: number, to: number): void {
  const value = struct.get(field);
  if (value?.type === I64 || value?.type === I32 || value?.type === I16) value.value = BigInt(to);
}

export function structOf(struct: ThriftStruct, field: number): ThriftStruct | undefined {
  const value = struct.get(field);
  return value?.type === STRUCT && value.value instanceof Map ? value.value : undefined;
}

/** The structs in a list; none where the field is something else. */
export function structsOf(struct: ThriftStruct, field: number): ThriftStruct[] {
  const value = struct.get(field);
  return value?.type !== LIST
    ? []
    : value.value.flatMap((item) => {
        return item.type === STRUCT && item.value instanceof Map ? [item.value] : [];
      });
}

/** @param structs each as `writeThrift` wrote it */
export function setStructs(struct: ThriftStruct, field: number, structs: readonly Uint8Array[]): void {
  struct.set(field, { type: LIST, of: STRUCT, value: structs.map((value) => ({ type: STRUCT, value })) });
}

class Reader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  struct(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    let id = 0;
    for (let head = this.byte(); head !== 0; head = this.byte()) {
      const step = head >> 4;
      id = step === 0 ? Number(this.integer()) : id + step;
      fields.set(id, this.value(head & 15));
    }
    return fields;
  }

  private value(type: number): ThriftValue {
    switch (type) {
      case TRUE:
      case FALSE:
        return { type, value: type };
      case BYTE:
        return { type, value: this.byte() };
      case I16:
      case I32:
      case I64:
        return { type, value: this.integer() };
      case BINARY: {
        const length = Number(this.varint());
        return { type, value: this.take(length) };
      }
      case LIST:
        return this.list();
      case STRUCT:
        return { type, value: this.struct() };
      default:
        throw new RangeError(`type ${type} is not known`);
    }
  }

  private list(): ThriftValue {
    const head = this.byte();
    const size = head >> 4 === 15 ? Number(this.varint()) : head >> 4;
    const of = head & 15;
    // In a list a boolean is a byte, other than in a struct.
    const item =
      of === TRUE || of === FALSE ? () => ({ type: BYTE, value: this.byte() }) as const : () => this.value(of);
    return { type: LIST, of, value: Array.from({ length: size }, item) };
  }

  private byte(): number {
    const [byte = 0] = this.take(1);
    return byte;
  }

  private take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new RangeError("the bytes are cut short");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  private varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError("a number is too long");
  }

  /** Zigzag: the sign is the lowest bit. */
  private integer(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}

function writeStruct(writer: ByteWriter, struct: ThriftStruct): void {
  let before = 0;
  for (const [id, value] of struct) {
    const step = id - before;
    if (step > 0 && step <= 15) {
      writer.u8((step << 4) | value.type);
    } else {
      writer.u8(value.type);
      writeInteger(writer, BigInt(id));
    }
    writeValue(writer, value);
    before = id;
  }
  writer.u8(0);
}

function writeValue(writer: ByteWriter, value: ThriftValue): void {
  switch (value.type) {
    case TRUE:
    case FALSE:
      return;
    case BYTE:
      writer.u8(value.value);
      return;
    case I16:
    case I32:
    case I64:
      writeInteger(writer, value.value);
      return;
    case BINARY:
      writer.varint(value.value.length);
      writer.bytes(value.value);
      return;
    case LIST:
      if (value.value.length < 15) writer.u8((value.value.length << 4) | value.of);
      else {
        writer.u8(0xf0 | value.of);
        writer.varint(value.value.length);
      }
      for (const item of value.value) writeValue(writer, item);
      return;
    case STRUCT:
      if (value.value instanceof Map) writeStruct(writer, value.value);
      else writer.bytes(value.value);
  }
}

/** Zigzag, see `Reader`. */
function writeInteger(writer: ByteWriter, value: bigint): void {
  let rest = value < 0n ? -2n * value - 1n : 2n * value;
  for (; rest > 127n; rest >>= 7n) writer.u8(Number(rest & 127n) | 128);
  writer.u8(Number(rest));
}
