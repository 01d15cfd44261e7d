/**
 * Feast's value types with their numbers. A number is both the type's number in Feast's registry and the number of the
 * corresponding field of `feast.types.Value`. Source:
 * https://github.com/feast-dev/feast/blob/v0.66.0/protos/feast/types/Value.proto
 */
export const VALUE_TYPE_NUMBERS = {
  BYTES: 1,
  STRING: 2,
  INT32: 3,
  INT64: 4,
  DOUBLE: 5,
  FLOAT: 6,
  BOOL: 7,
  UNIX_TIMESTAMP: 8,
  BYTES_LIST: 11,
  STRING_LIST: 12,
  INT32_LIST: 13,
  INT64_LIST: 14,
  DOUBLE_LIST: 15,
  FLOAT_LIST: 16,
  BOOL_LIST: 17,
  UNIX_TIMESTAMP_LIST: 18,
  MAP: 20,
  MAP_LIST: 21,
  BYTES_SET: 22,
  STRING_SET: 23,
  INT32_SET: 24,
  INT64_SET: 25,
  DOUBLE_SET: 26,
  FLOAT_SET: 27,
  BOOL_SET: 28,
  UNIX_TIMESTAMP_SET: 29,
  JSON: 32,
  JSON_LIST: 33,
  STRUCT: 34,
  STRUCT_LIST: 35,
  UUID: 36,
  TIME_UUID: 37,
  UUID_LIST: 38,
  TIME_UUID_LIST: 39,
  UUID_SET: 40,
  TIME_UUID_SET: 41,
  VALUE_LIST: 42,
  VALUE_SET: 43,
  DECIMAL: 44,
  DECIMAL_LIST: 45,
  DECIMAL_SET: 46,
  SCALAR_MAP: 47,
  ZONED_TIMESTAMP: 48,
} as const;

export type ValueType = keyof typeof VALUE_TYPE_NUMBERS;

/** `feast.types.Value.null_val`, which Feast reads but never writes; it writes an empty Value instead. */
export const NULL_FIELD = 19;

const NAMES: ReadonlyMap<number, ValueType> = new Map(
  Object.entries(VALUE_TYPE_NUMBERS).map(([name, number]) => [number, name as ValueType]),
);

/** The type with this number in Feast's registry; undefined if this client does not know it. */
export function valueTypeOf(number: number): ValueType | undefined {
  return NAMES.get(number);
}

/** The types that Feast supports for join keys. */
export const JOIN_KEY_TYPES = ["STRING", "INT32", "INT64", "BYTES", "UNIX_TIMESTAMP"] as const satisfies ValueType[];

export type JoinKeyType = (typeof JOIN_KEY_TYPES)[number];

/** An instant with its time zone: an IANA name or an offset such as `+05:30`. */
export interface ZonedTimestamp {
  /** Epoch seconds. */
  readonly unixTimestamp: number | bigint;
  readonly zone: string;
}

/**
 * JavaScript types of a feature. 64-bit integers, including epoch seconds, are numbers if they are exact, otherwise
 * bigints. Lists and sets are arrays. MAP and STRUCT are objects, SCALAR_MAP is a Map.
 */
export type FeastValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | null
  | ZonedTimestamp
  | readonly FeastValue[]
  | { readonly [key: string]: FeastValue }
  | ReadonlyMap<FeastMapKey, FeastValue>;

/** Keys of a SCALAR_MAP. UUIDs and decimals are strings. */
export type FeastMapKey = string | number | bigint | boolean | Uint8Array;

/** The value that Feast stores for "no timestamp": the NaT of numpy. */
export const NULL_TIMESTAMP = -(2n ** 63n);

export const INT32_MIN = -(2 ** 31);
export const INT32_MAX = 2 ** 31 - 1;
export const INT64_MIN = -(2n ** 63n);
export const INT64_MAX = 2n ** 63n - 1n;

/** A 64-bit integer as a number if it is exact, otherwise as a bigint. */
export function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
