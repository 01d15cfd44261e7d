import { FeastError } from "../feast-error.js";
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN } from "./value-types.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const TEXT_CHARACTERS_MAX = 60;

/** Formats a value for an error message: in short form, and with its type. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Date) return "a Date";
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : `${value}${typeof value === "bigint" ? "n" : ""}`;
  const short = text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
  return `the ${typeof value} ${short}`;
}

/** The error for a value that does not match its type. */
export function misfit(field: string, value: unknown, wanted: string): FeastError {
  return new FeastError("invalid-value", `${field} is ${describeValue(value)}; it must be ${wanted}.`, field);
}

export function checkString(value: unknown, field: string): string {
  if (typeof value !== "string") throw misfit(field, value, "a string");
  // UTF-8 cannot encode half of a surrogate pair, so it would be stored as another character.
  if (!value.isWellFormed()) throw misfit(field, value, "a string without lone surrogates");
  return value;
}

export function checkBytes(value: unknown, field: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw misfit(field, value, "a Uint8Array");
  return value;
}

export function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value !== "boolean") throw misfit(field, value, "true or false");
  return value;
}

export function checkInt32(value: unknown, field: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < INT32_MIN || number > INT32_MAX) {
    throw misfit(field, value, `a whole number from ${INT32_MIN} to ${INT32_MAX}`);
  }
  return number;
}

export function checkInt64(value: unknown, field: string): bigint {
  if (typeof value === "bigint" && value >= INT64_MIN && value <= INT64_MAX) return value;
  // A number beyond 2^53 may already have been rounded.
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw misfit(field, value, "a whole number that is exact: a number up to 2^53, or a 64-bit bigint");
}

/** Any number, including NaN and the infinities, which Feast stores. */
export function checkDouble(value: unknown, field: string): number {
  if (typeof value !== "number") throw misfit(field, value, "a number");
  return value;
}

/** A number, rounded to 32 bits but never to infinity. */
export function checkFloat(value: unknown, field: string): number {
  const number = checkDouble(value, field);
  if (Number.isFinite(number) && !Number.isFinite(Math.fround(number))) {
    throw misfit(field, value, "a number that fits into 32 bits (up to 3.4e38)");
  }
  return number;
}

/** Epoch seconds. */
export function checkTimestamp(value: unknown, field: string): bigint {
  if (value instanceof Date) {
    throw misfit(field, value, "epoch seconds as a whole number, such as Math.floor(date.getTime() / 1000)");
  }
  return checkInt64(value, field);
}

export function checkUuid(value: unknown, field: string): string {
  if (typeof value !== "string" || !UUID.test(value)) throw misfit(field, value, "a UUID as a string");
  return value;
}

export function checkDecimal(value: unknown, field: string): string {
  if (typeof value !== "string" || !DECIMAL.test(value)) throw misfit(field, value, 'a decimal as a string: "12.340"');
  return value;
}

export function checkJson(value: unknown, field: string): string {
  const text = checkString(value, field);
  try {
    JSON.parse(text);
  } catch {
    throw misfit(field, value, "JSON text");
  }
  return text;
}
