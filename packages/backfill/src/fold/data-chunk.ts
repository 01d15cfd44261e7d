import type { DuckDBDataChunk } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";

/*
 * Columns of doubles between a chunk of DuckDB and our memory, as a whole: the vectors of @duckdb/node-api take and give one
 * value at a time.
 */

/** Rows per chunk of DuckDB. */
export const CHUNK_ROWS = 2048;

/** A copy of a column of type DOUBLE without nulls. */
export function readDoubles(chunk: DuckDBDataChunk, column: number): Float64Array {
  const bytes = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk.chunk, column), chunk.rowCount * 8);
  return new Float64Array(bytes.buffer, bytes.byteOffset, chunk.rowCount);
}

/** Fills a column of type DOUBLE with `count` values from place `start` on. */
export function writeDoubles(
  chunk: DuckDBDataChunk,
  column: number,
  values: Float64Array,
  start: number,
  count: number,
): void {
  const vector = bindings.data_chunk_get_vector(chunk.chunk, column);
  // The types of the bindings know no shared memory; what they do with it is to copy from it.
  const memory = values.buffer as ArrayBuffer;
  bindings.copy_data_to_vector(vector, 0, memory, values.byteOffset + start * 8, count * 8);
}
