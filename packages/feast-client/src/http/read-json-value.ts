import { FeastError } from "../feast-error.js";
import { describeValue } from "../values/check-value.js";
import type { FeastValue, ValueType } from "../values/value-types.js";
import { NULL_TIMESTAMP } from "../values/value-types.js";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const NOT_FINITE = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);
const UNSAFE_INTEGER_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

/**
 * Parses JSON with exact integers: those that a number cannot represent become bigints.
 *
 * @throws SyntaxError
 */
export function parseExactJson(text: string): unknown {
  // A reviver makes parsing several times slower, and a number that is inexact has at least sixteen digits.
  if (!UNSAFE_INTEGER_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    return source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
  });
}

/**
 * A value in the JSON of Feast's HTTP server. Without a type, it is returned as parsed: bytes remain base64 text, and
 * non-finite numbers remain the text `NaN`, `Infinity` or `-Infinity`.
 *
 * @throws FeastError `malformed-response` if the value does not have the type, `unsupported` for SCALAR_MAP
 */
export function readJsonValue(type: ValueType | undefined, value: FeastValue, field: string): FeastValue {
  if (type === "SCALAR_MAP") {
    throw new FeastError(
      "unsupported",
      `${field} is a SCALAR_MAP, which Feast's HTTP server sends as null; read it over gRPC or from Redis.`,
      field,
    );
  }
  if (value === null || type === undefined) return value;
  const itemType = type.match(/^(.*)_(?:LIST|SET)$/)?.[1];
  if (itemType === undefined) return readScalar(type, value, field);
  if (!Array.isArray(value)) throw mismatch(field, type, value);
  return value.map((item: FeastValue, index) => readScalar(itemType, item, `${field}[${index}]`));
}

/** `type` is a scalar type, or the part before `_LIST` or `_SET`. */
function readScalar(type: string, value: FeastValue, field: string): FeastValue {
  switch (type) {
    case "DOUBLE":
    case "FLOAT": {
      const number = typeof value === "string" ? NOT_FINITE.get(value) : value;
      // A float with an integer value is sent with many digits.
      if (typeof number === "bigint") return Number(number);
      if (typeof number !== "number") throw mismatch(field, type, value);
      return number;
    }
    case "INT32":
    case "INT64":
      if (typeof value === "bigint" || Number.isInteger(value)) return value;
      throw mismatch(field, type, value);
    case "UNIX_TIMESTAMP":
      if (value === NULL_TIMESTAMP) return null;
      if (typeof value === "bigint" || Number.isInteger(value)) return value;
      throw mismatch(field, type, value);
    case "BOOL":
      if (typeof value === "boolean") return value;
      throw mismatch(field, type, value);
    case "BYTES":
      if (typeof value === "string" && BASE64.test(value)) return Uint8Array.from(Buffer.from(value, "base64"));
      throw mismatch(field, type, value);
    case "STRING":
    case "JSON":
    case "UUID":
    case "TIME_UUID":
    case "DECIMAL":
    case "ZONED_TIMESTAMP":
      if (typeof value === "string") return value;
      throw mismatch(field, type, value);
    default:
      // Maps, structs and lists of lists, for which JSON contains no further type information.
      return value;
  }
}

function mismatch(field: string, type: string, value: unknown): FeastError {
  const message = `The feature server returned ${describeValue(value)} for ${field}, which has type ${type} in the registry.`;
  return new FeastError("malformed-response", message, field);
}
