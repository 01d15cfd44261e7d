import { totalmem } from "node:os";

const MEBIBYTE = 1_048_576;

/** More memory does not make any of our queries faster. */
const DATABASE_BYTES_MAX = 1_024 * MEBIBYTE;

/** The remaining memory is for Node, its threads, and memory that DuckDB does not account for. */
const DATABASE_SHARE = 1 / 3;

/** Memory limit of this process in bytes: the limit of its container, or all of the machine's memory. */
export function memoryBytes(): number {
  // If there is no limit, Node returns 0 or a number larger than any memory.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/**
 * How much memory DuckDB may use before it spills to disk, in the format of its setting `memory_limit`: at most 1 GiB,
 * and less in a small container. If this limit exceeded the container's, the kernel would kill the process.
 */
export function databaseMemory(bytes = memoryBytes()): string {
  return `${Math.floor(Math.min(DATABASE_BYTES_MAX, bytes * DATABASE_SHARE) / MEBIBYTE)}MiB`;
}
