import type { DuckDBDataChunk } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";

/*
 * Copies whole columns of doubles between a DuckDB chunk and our memory: the vectors of @duckdb/node-api read and write
 * one value at a time.
 */

/** Rows per DuckDB chunk. */
export const CHUNK_ROWS = 2048;

/** Copies a column of type DOUBLE without nulls. */
export function readDoubles(chunk: DuckDBDataChunk, column: number): Float64Array {
  const bytes = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk.chunk, column), chunk.rowCount * 8);
  return new Float64Array(bytes.buffer, bytes.byteOffset, chunk.rowCount);
}

/** Writes `count` values to a column of type DOUBLE, from index `start`. */
export function writeDoubles(
  chunk: DuckDBDataChunk,
  column: number,
  values: Float64Array,
  start: number,
  count: number,
): void {
  const vector = bindings.data_chunk_get_vector(chunk.chunk, column);
  // The type definitions of the bindings do not allow shared memory, but the bindings only copy from it.
  const memory = values.buffer as ArrayBuffer;
  bindings.copy_data_to_vector(vector, 0, memory, values.byteOffset + start * 8, count * 8);
}
