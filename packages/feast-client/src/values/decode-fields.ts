import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { FeastMapKey, FeastValue } from "./value-types.js";
import { exactInteger, NULL_FIELD, NULL_TIMESTAMP, VALUE_TYPE_NUMBERS } from "./value-types.js";

/** Maximum nesting of maps and lists; deeper bytes are treated as corrupt. */
const DEPTH_MAX = 64;

type Read<T> = (reader: BinaryReader, depth: number) => T;

/**
 * Decodes any serialised `feast.types.Value`, field by field.
 *
 * @throws Error that describes the fault in the bytes
 */
export function decodeFields(bytes: Uint8Array): FeastValue {
  return readValue(new BinaryReader(bytes), bytes.length, 0);
}

/** Reads a Value up to `end`. If there are several fields, the last one wins, as usual in protobuf. */
function readValue(reader: BinaryReader, end: number, depth: number): FeastValue {
  let value: FeastValue = null;
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    const known = FIELDS.get(field);
    // A value of a newer type must not be read as null.
    if (known === undefined)
      throw new Error(`contains a value of a type that this client does not know (field ${field})`);
    if (known.wireType !== wireType) throw new Error(`contains field ${field} with the wrong wire type ${wireType}`);
    value = known.read(reader, depth);
  }
  if (reader.pos !== end) throw new Error("ends in the middle of a field");
  return value;
}

interface Field {
  readonly wireType: WireType;
  readonly read: Read<FeastValue>;
}

const readInteger: Read<number | bigint> = (reader) => exactInteger(BigInt(reader.int64()));

const readTimestamp: Read<number | bigint | null> = (reader) => {
  const seconds = BigInt(reader.int64());
  return seconds === NULL_TIMESTAMP ? null : exactInteger(seconds);
};

// A copy, because the reader returns a view of the network buffer.
const readBytes: Read<Uint8Array> = (reader) => Uint8Array.from(reader.bytes());

const readString: Read<string> = (reader) => reader.string(true);

// The presence of the field is sufficient.
const readNull: Read<null> = (reader) => {
  reader.int32();
  return null;
};

const readInt32: Read<number> = (reader) => reader.int32();
const readDouble: Read<number> = (reader) => reader.double();
const readFloat: Read<number> = (reader) => reader.float();
const readBool: Read<boolean> = (reader) => reader.bool();

function message(read: (reader: BinaryReader, end: number, depth: number) => FeastValue): Field {
  return {
    wireType: WireType.LengthDelimited,
    read: (reader, depth) => {
      if (depth > DEPTH_MAX) throw new Error(`is nested more than ${DEPTH_MAX} levels deep`);
      const length = reader.uint32();
      const end = reader.pos + length;
      if (end > reader.len) throw new Error("ends in the middle of a field");
      const value = read(reader, end, depth + 1);
      if (reader.pos !== end) throw new Error("ends in the middle of a field");
      return value;
    },
  };
}

/** A message with one repeated field, `val = 1`: packed or not, as protobuf allows for numbers. */
function list(wireType: WireType, read: Read<FeastValue>): Field {
  return message((reader, end, depth) => {
    const values: FeastValue[] = [];
    while (reader.pos < end) {
      const [field, actual] = reader.tag();
      if (field !== 1) throw new Error(`contains field ${field} in a list`);
      if (actual === wireType) {
        values.push(read(reader, depth));
      } else if (actual === WireType.LengthDelimited) {
        const packedEnd = reader.uint32() + reader.pos;
        if (packedEnd > end) throw new Error("ends in the middle of a field");
        while (reader.pos < packedEnd) values.push(read(reader, depth));
      } else {
        throw new Error(`contains a list with the wrong wire type ${actual}`);
      }
    }
    return values;
  });
}

const nestedValue = message(readValue);

/** A message with two fields, `key = 1` and `value = 2`, either of which may be omitted. */
function readEntry<K>(
  reader: BinaryReader,
  depth: number,
  keyReader: Read<K>,
  missingKey: K | undefined,
): [K, FeastValue] {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new Error("ends in the middle of a field");
  let key = missingKey;
  let value: FeastValue = null;
  while (reader.pos < end) {
    const [field] = reader.tag();
    if (field === 1) key = keyReader(reader, depth);
    else if (field === 2) value = nestedValue.read(reader, depth);
    else throw new Error(`contains field ${field} in a map`);
  }
  if (key === undefined) throw new Error("contains a map entry without a key");
  return [key, value];
}

function readEntries<K>(
  reader: BinaryReader,
  end: number,
  depth: number,
  keyReader: Read<K>,
  missingKey?: K,
): [K, FeastValue][] {
  const entries: [K, FeastValue][] = [];
  while (reader.pos < end) {
    const [field] = reader.tag();
    if (field !== 1) throw new Error(`contains field ${field} in a map`);
    entries.push(readEntry(reader, depth, keyReader, missingKey));
  }
  return entries;
}

const map = message((reader, end, depth) => Object.fromEntries(readEntries(reader, end, depth, readString, "")));

const MAP_KEYS = new Map<number, Read<FeastMapKey>>([
  [1, readInt32],
  [2, readInteger],
  [3, readFloat],
  [4, readDouble],
  [5, readBool],
  [6, readInteger],
  [7, readBytes],
  [8, readString],
  [9, readString],
  [10, readString],
]);

/** `feast.types.MapKey`: a message with one of ten fields. */
const readMapKey: Read<FeastMapKey> = (reader, depth) => {
  const end = reader.uint32() + reader.pos;
  let key: FeastMapKey | undefined;
  while (reader.pos < end) {
    const [field] = reader.tag();
    const read = MAP_KEYS.get(field);
    if (read === undefined)
      throw new Error(`contains a map key of a type that this client does not know (field ${field})`);
    key = read(reader, depth);
  }
  if (key === undefined) throw new Error("contains a map entry without a key");
  return key;
};

const scalarMap = message((reader, end, depth) => new Map(readEntries(reader, end, depth, readMapKey)));

const zonedTimestamp = message((reader, end) => {
  let seconds = 0n;
  let zone = "";
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1) seconds = BigInt(reader.int64());
    else if (field === 2) zone = reader.string(true);
    else reader.skip(wireType, field);
  }
  return seconds === NULL_TIMESTAMP ? null : { unixTimestamp: exactInteger(seconds), zone };
});

const SCALARS = {
  BYTES: [WireType.LengthDelimited, readBytes],
  STRING: [WireType.LengthDelimited, readString],
  INT32: [WireType.Varint, readInt32],
  INT64: [WireType.Varint, readInteger],
  DOUBLE: [WireType.Bit64, readDouble],
  FLOAT: [WireType.Bit32, readFloat],
  BOOL: [WireType.Varint, readBool],
  UNIX_TIMESTAMP: [WireType.Varint, readTimestamp],
  JSON: [WireType.LengthDelimited, readString],
  UUID: [WireType.LengthDelimited, readString],
  TIME_UUID: [WireType.LengthDelimited, readString],
  DECIMAL: [WireType.LengthDelimited, readString],
} as const satisfies Record<string, readonly [WireType, Read<FeastValue>]>;

const FIELDS = new Map<number, Field>([
  [NULL_FIELD, { wireType: WireType.Varint, read: readNull }],
  [VALUE_TYPE_NUMBERS.MAP, map],
  [VALUE_TYPE_NUMBERS.STRUCT, map],
  [VALUE_TYPE_NUMBERS.MAP_LIST, list(WireType.LengthDelimited, map.read)],
  [VALUE_TYPE_NUMBERS.STRUCT_LIST, list(WireType.LengthDelimited, map.read)],
  [VALUE_TYPE_NUMBERS.VALUE_LIST, list(WireType.LengthDelimited, nestedValue.read)],
  [VALUE_TYPE_NUMBERS.VALUE_SET, list(WireType.LengthDelimited, nestedValue.read)],
  [VALUE_TYPE_NUMBERS.SCALAR_MAP, scalarMap],
  [VALUE_TYPE_NUMBERS.ZONED_TIMESTAMP, zonedTimestamp],
  ...Object.entries(VALUE_TYPE_NUMBERS).flatMap(([name, number]): [number, Field][] => {
    const scalar = SCALARS[name.replace(/_(LIST|SET)$/, "") as keyof typeof SCALARS];
    if (scalar === undefined) return [];
    const [wireType, read] = scalar;
    return [[number, name.match(/_(LIST|SET)$/) === null ? { wireType, read } : list(wireType, read)]];
  }),
]);
