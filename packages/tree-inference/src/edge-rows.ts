import type { CategoryColumn } from "@tripline/tree-shap/read-categories";
import { thresholdKey } from "./float-keys.js";
import type { Column } from "./plan-columns.js";

/** The values of a feature near which comparisons change, as float keys. */
export type Edges = Pick<Column, "feature" | "keys">;

/** The thresholds of all columns; for categories, the known values, because vectors contain no vocabulary numbers. */
export function edgesOf(columns: Iterable<Column>, categories: readonly CategoryColumn[]): Edges[] {
  const replaced = new Set(categories.map(({ column }) => column));
  const known = categories.map(({ column, keys }) => ({
    feature: column,
    keys: Int32Array.from(keys, (key) => thresholdKey(key)),
  }));
  return [...Array.from(columns).filter(({ feature }) => !replaced.has(feature)), ...known];
}

/** A deterministic generator, so that the same model always gives the same rows (Numerical Recipes, section 7.1). */
const [MULTIPLIER, INCREMENT, MODULUS] = [1_664_525, 1_013_904_223, 2 ** 32];
const EXTREMES = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0, -0];
/** One in this many values is extreme. */
const EXTREME_EVERY = 16;

/**
 * Rows that reveal a wrong comparison: each value is a threshold of its feature, an adjacent float, or an extreme
 * value.
 *
 * @returns row-major, `rows` × `width` values
 */
export function makeEdgeRows(columns: Iterable<Edges>, width: number, rows: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * width);
  const bits = new Int32Array(values.buffer);
  const keysOf = new Map<number, Int32Array>();
  for (const { feature, keys } of columns)
    keysOf.set(feature, Int32Array.from([...(keysOf.get(feature) ?? []), ...keys]));
  let state = 1;
  const below = (end: number): number => {
    state = (state * MULTIPLIER + INCREMENT) % MODULUS;
    return Math.floor((state / MODULUS) * end);
  };
  for (const [feature, keys] of keysOf) {
    for (let at = feature; at < values.length; at += width) {
      const key = (keys[below(keys.length)] as number) + below(3) - 1;
      bits[at] = key ^ ((key >> 31) & 0x7fffffff);
      if (below(EXTREME_EVERY) === 0) values[at] = EXTREMES[below(EXTREMES.length)] as number;
    }
  }
  return values;
}
