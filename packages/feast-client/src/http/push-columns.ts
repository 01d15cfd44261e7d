import { FeastError } from "../feast-error.js";
import { describeValue } from "../values/check-value.js";
import { INT64_MAX, INT64_MIN } from "../values/value-types.js";

/** Values that JSON can transport to Feast. A Date becomes RFC 3339 text, which Feast parses as a timestamp. */
export type PushValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | readonly PushValue[]
  | { readonly [key: string]: PushValue };

export type PushRow = Readonly<Record<string, PushValue>>;

/**
 * The rows as columns, the format of `/push`.
 *
 * @throws FeastError `invalid-request` without rows or if rows have different columns, `invalid-value` for values that
 *   JSON would change: NaN, infinities, bytes, inexact integers
 */
export function pushColumns(rows: readonly PushRow[]): Record<string, unknown[]> {
  const [first] = rows;
  if (first === undefined) throw new FeastError("invalid-request", "rows must contain at least one row.", "rows");
  const names = Object.keys(first);
  rows.forEach((row, index) => {
    const different = [...new Set([...names, ...Object.keys(row)])].find(
      (name) => !Object.hasOwn(row, name) || !Object.hasOwn(first, name),
    );
    if (different === undefined) return;
    const message = `Rows 0 and ${index} differ: only one of them has ${different}. All rows must have the same columns.`;
    throw new FeastError("invalid-request", message, different);
  });
  return Object.fromEntries(
    names.map((name) => {
      const values = rows.map((row, index) => prepare(row[name], `${name} in row ${index}`, name));
      refuseRounding(name, values);
      return [name, values];
    }),
  );
}

function prepare(value: unknown, where: string, field: string): unknown {
  const refuse = (why: string) =>
    new FeastError("invalid-value", `${where} is ${describeValue(value)}, ${why}.`, field);
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw refuse("which contains a lone surrogate");
      return value;
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw refuse("which JSON cannot represent; write it to Redis instead");
      if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < Number(INT64_MAX)) {
        throw refuse("which may have been rounded; use a bigint");
      }
      return value;
    case "bigint":
      if (value < INT64_MIN || value > INT64_MAX) throw refuse("which does not fit into 64 bits");
      return value;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) throw refuse("which JSON cannot represent; write them to Redis instead");
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refuse("which is invalid");
    return value.toISOString();
  }
  if (Array.isArray(value)) return value.map((item, index) => prepare(item, `${where}[${index}]`, field));
  if (typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, prepare(item, `${where}.${key}`, field)]),
    );
  }
  throw refuse("which cannot be pushed");
}

/** In Feast's pandas, an integer column that contains a null becomes a column of doubles, which rounds large values. */
function refuseRounding(name: string, values: readonly unknown[]): void {
  if (!values.includes(null)) return;
  const large = values.find((value) => typeof value === "bigint" && !Number.isSafeInteger(Number(value)));
  if (large === undefined) return;
  const message = `${name} has ${describeValue(large)} and a null: Feast's server would round the number. Push the rows that contain null separately.`;
  throw new FeastError("invalid-value", message, name);
}
