import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  checkBoolean,
  checkBytes,
  checkDecimal,
  checkDouble,
  checkFloat,
  checkInt32,
  checkInt64,
  checkJson,
  checkString,
  checkTimestamp,
  checkUuid,
  misfit,
} from "./check-value.js";
import type { ValueType } from "./value-types.js";
import { NULL_TIMESTAMP, VALUE_TYPE_NUMBERS } from "./value-types.js";

const DEPTH_MAX = 64;

type Write = (writer: BinaryWriter, value: unknown, field: string) => void;

interface Scalar {
  readonly wireType: WireType;
  readonly write: Write;
}

/**
 * Encodes a value as a `feast.types.Value`. Null becomes an empty Value, as in Feast.
 *
 * @param field names the value in errors
 * @throws FeastError `invalid-value` if the value does not match the type
 */
export function encodeValue(type: ValueType, value: unknown, field: string): Uint8Array {
  const writer = new BinaryWriter();
  writeValue(writer, type, value, field, 0);
  return writer.finish();
}

/** Writes the fields of a Value; does not write the length prefix that a nested Value needs. */
function writeValue(writer: BinaryWriter, type: ValueType, value: unknown, field: string, depth: number): void {
  if (value === undefined) throw misfit(field, value, "a value or null");
  if (depth > DEPTH_MAX) throw misfit(field, value, `nested at most ${DEPTH_MAX} levels deep`);
  if (value === null) return;
  const number = VALUE_TYPE_NUMBERS[type];
  const scalar = SCALARS[type];
  if (scalar !== undefined) {
    writer.tag(number, scalar.wireType);
    scalar.write(writer, value, field);
    return;
  }
  writer.tag(number, WireType.LengthDelimited).fork();
  const writeMessage = MESSAGES[type];
  if (writeMessage === undefined) writeScalars(writer, type, value, field);
  else writeMessage(writer, value, field, depth);
  writer.join();
}

type WriteMessage = (writer: BinaryWriter, value: unknown, field: string, depth: number) => void;

/** Types other than scalars and lists of scalars. */
const MESSAGES: { readonly [type in ValueType]?: WriteMessage } = {
  MAP: writeMap,
  STRUCT: writeMap,
  MAP_LIST: writeMaps,
  STRUCT_LIST: writeMaps,
  VALUE_LIST: writeLists,
  VALUE_SET: writeLists,
  SCALAR_MAP: writeScalarMap,
  ZONED_TIMESTAMP: writeZonedTimestamp,
};

function writeMaps(writer: BinaryWriter, value: unknown, field: string, depth: number): void {
  writeItems(writer, value, field, (item, name) => writeMap(writer, item, name, depth));
}

function writeLists(writer: BinaryWriter, value: unknown, field: string, depth: number): void {
  writeItems(writer, value, field, (item, name) => {
    if (item !== null && !Array.isArray(item)) throw misfit(name, item, "a list, or null");
    writeInferred(writer, item, name, depth + 1);
  });
}

const int64: Scalar = {
  wireType: WireType.Varint,
  write: (writer, value, field) => writer.int64(checkInt64(value, field)),
};

const text = (check: (value: unknown, field: string) => string): Scalar => ({
  wireType: WireType.LengthDelimited,
  write: (writer, value, field) => writer.string(check(value, field)),
});

const SCALARS: { readonly [type in ValueType]?: Scalar } = {
  BYTES: {
    wireType: WireType.LengthDelimited,
    write: (writer, value, field) => writer.bytes(checkBytes(value, field)),
  },
  STRING: text(checkString),
  INT32: { wireType: WireType.Varint, write: (writer, value, field) => writer.int32(checkInt32(value, field)) },
  INT64: int64,
  DOUBLE: { wireType: WireType.Bit64, write: (writer, value, field) => writer.double(checkDouble(value, field)) },
  FLOAT: {
    wireType: WireType.Bit32,
    // BinaryWriter rejects values that do not fit into 32 bits, but this type requires rounding.
    write: (writer, value, field) => writer.float(Math.fround(checkFloat(value, field))),
  },
  BOOL: { wireType: WireType.Varint, write: (writer, value, field) => writer.bool(checkBoolean(value, field)) },
  UNIX_TIMESTAMP: {
    wireType: WireType.Varint,
    write: (writer, value, field) => writer.int64(checkTimestamp(value, field)),
  },
  JSON: text(checkJson),
  UUID: text(checkUuid),
  TIME_UUID: text(checkUuid),
  DECIMAL: text(checkDecimal),
};

/** The items of a list, each under field 1. `writeItem` writes within the item's length prefix. */
function writeItems(
  writer: BinaryWriter,
  value: unknown,
  field: string,
  writeItem: (item: unknown, name: string) => void,
): void {
  checkList(value, field).forEach((item, index) => {
    writer.tag(1, WireType.LengthDelimited).fork();
    writeItem(item, `${field}[${index}]`);
    writer.join();
  });
}

/** A list of scalars. Numbers are packed, as in protobuf 3. */
function writeScalars(writer: BinaryWriter, type: ValueType, value: unknown, field: string): void {
  const itemType = type.replace(/_(LIST|SET)$/, "") as ValueType;
  const scalar = SCALARS[itemType] as Scalar;
  const items = checkList(value, field);
  if (type.endsWith("_SET") && new Set(items.map(identityOf)).size !== items.length) {
    throw misfit(field, value, "a set: a list without duplicate items");
  }
  const isPacked = scalar.wireType !== WireType.LengthDelimited;
  if (isPacked && items.length > 0) writer.tag(1, WireType.LengthDelimited).fork();
  items.forEach((item, index) => {
    if (!isPacked) writer.tag(1, scalar.wireType);
    const isNullTimestamp = itemType === "UNIX_TIMESTAMP" && item === null;
    scalar.write(writer, isNullTimestamp ? NULL_TIMESTAMP : item, `${field}[${index}]`);
  });
  if (isPacked && items.length > 0) writer.join();
}

function checkList(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw misfit(field, value, "a list");
  return value;
}

/**
 * Equal for items that a set considers identical: a number and the bigint of the same value, or bytes with the same
 * content.
 */
function identityOf(item: unknown): unknown {
  if (item instanceof Uint8Array) return Buffer.from(item).toString("latin1");
  return typeof item === "number" && Number.isInteger(item) ? BigInt(item) : item;
}

/** `map<string, Value>`: entries with the key under 1 and the value under 2. */
function writeMap(writer: BinaryWriter, value: unknown, field: string, depth: number): void {
  if (!isPlainObject(value)) throw misfit(field, value, "an object");
  for (const [key, item] of Object.entries(value)) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(checkString(key, `${field}.${key}`));
    writer.tag(2, WireType.LengthDelimited).fork();
    writeInferred(writer, item, `${field}.${key}`, depth + 1);
    writer.join().join();
  }
}

function writeScalarMap(writer: BinaryWriter, value: unknown, field: string, depth: number): void {
  if (!(value instanceof Map)) throw misfit(field, value, "a Map");
  for (const [key, item] of value) {
    const name = `${field}[${String(key)}]`;
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).fork();
    writeMapKey(writer, key, name);
    writer.join();
    writer.tag(2, WireType.LengthDelimited).fork();
    writeInferred(writer, item, name, depth + 1);
    writer.join().join();
  }
}

/** `feast.types.MapKey` does not support string keys; for these, there is MAP. */
function writeMapKey(writer: BinaryWriter, key: unknown, field: string): void {
  if (typeof key === "boolean") writer.tag(5, WireType.Varint).bool(key);
  else if (key instanceof Uint8Array) writer.tag(7, WireType.LengthDelimited).bytes(key);
  else if (typeof key === "number" && !Number.isInteger(key)) writer.tag(4, WireType.Bit64).double(key);
  else if (typeof key === "number" || typeof key === "bigint") {
    writer.tag(2, WireType.Varint).int64(checkInt64(key, field));
  } else
    throw misfit(field, key, "a key that is a number, a bigint, a boolean or bytes; MAP has keys that are strings");
}

function writeZonedTimestamp(writer: BinaryWriter, value: unknown, field: string): void {
  if (!isPlainObject(value)) throw misfit(field, value, "{ unixTimestamp, zone }");
  const seconds = checkTimestamp(value.unixTimestamp, `${field}.unixTimestamp`);
  const zone = checkString(value.zone, `${field}.zone`);
  if (seconds !== 0n) writer.tag(1, WireType.Varint).int64(seconds);
  if (zone !== "") writer.tag(2, WireType.LengthDelimited).string(zone);
}

/** A value inside a map or a nested list; Feast infers its type from the value itself. */
function writeInferred(writer: BinaryWriter, value: unknown, field: string, depth: number): void {
  if (value === undefined) throw misfit(field, value, "a value or null");
  if (value !== null) writeValue(writer, inferType(value, field), value, field, depth);
}

function inferType(value: unknown, field: string): ValueType {
  if (typeof value === "string") return "STRING";
  if (typeof value === "boolean") return "BOOL";
  if (typeof value === "bigint") return "INT64";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "INT64" : "DOUBLE";
  if (value instanceof Uint8Array) return "BYTES";
  if (Array.isArray(value)) return inferListType(value, field);
  if (isPlainObject(value)) return "MAP";
  throw misfit(field, value, "a string, number, bigint, boolean, bytes, list or object");
}

function inferListType(items: readonly unknown[], field: string): ValueType {
  const types = new Set(items.map((item, index) => inferType(item, `${field}[${index}]`)));
  if (types.size === 2 && types.has("INT64") && types.has("DOUBLE")) types.delete("INT64");
  const [type, ...others] = types;
  if (others.length > 0) throw misfit(field, items, `a list of a single type; it mixes ${[...types].join(" and ")}`);
  // Python reads an empty list as empty, regardless of its type.
  if (type === undefined) return "INT64_LIST";
  return type.endsWith("_LIST") ? "VALUE_LIST" : (`${type}_LIST` as ValueType);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
