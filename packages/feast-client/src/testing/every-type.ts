import { readFileSync } from "node:fs";
import type { FeatureType } from "../registry/feature-registry.js";
import type { FeastMapKey, FeastValue, ValueType } from "../values/value-types.js";
import { exactInteger } from "../values/value-types.js";

/** A value of every type, in the format that test-python/typed_values.py also uses. */
export interface TypedValue {
  readonly type: ValueType;
  readonly feature: string;
  readonly json: unknown;
}

const FILE = new URL("../../test-python/every-type.json", import.meta.url);

export const EVERY_TYPE: readonly TypedValue[] = (
  JSON.parse(readFileSync(FILE, "utf8")) as { type: ValueType; value: unknown }[]
).map(({ type, value }) => ({ type, feature: `f_${type.toLowerCase()}`, json: value }));

const NOT_FINITE = new Map<unknown, number>([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** Converts a value from the file to the JavaScript value that this client reads and writes. */
export function toJavaScript(type: FeatureType | string, json: unknown): FeastValue {
  if (["VALUE_LIST", "VALUE_SET", "MAP_LIST", "STRUCT_LIST"].includes(type)) return json as FeastValue;
  const itemType = /^(.*)_(?:LIST|SET)$/.exec(type)?.[1];
  if (itemType !== undefined) return (json as unknown[]).map((item) => toJavaScript(itemType, item));
  switch (type) {
    case "BYTES":
      return Uint8Array.from(Buffer.from(String(json), "base64"));
    case "INT64":
      return exactInteger(BigInt(String(json)));
    case "DOUBLE":
    case "FLOAT":
      return NOT_FINITE.get(json) ?? (json as number);
    case "SCALAR_MAP":
      return new Map(json as [FeastMapKey, FeastValue][]);
    default:
      return json as FeastValue;
  }
}

/**
 * The same value with the items of a set, or the keys of a map, in a fixed order, because their own order is undefined.
 */
export function inFixedOrder(type: string, value: FeastValue): FeastValue {
  if (!type.endsWith("_SET") || !Array.isArray(value)) return value;
  return [...(value as FeastValue[])].sort((one, other) => {
    if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other);
    if (typeof one === "string") return one < String(other) ? -1 : 1;
    return Number(one) - Number(other);
  });
}
