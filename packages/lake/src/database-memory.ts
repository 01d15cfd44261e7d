import { totalmem } from "node:os";

const MEBIBYTE = 1_048_576;

/** More than this makes no query of ours faster. */
const DATABASE_BYTES_MAX = 1_024 * MEBIBYTE;

/** The rest is for Node, its threads, and what DuckDB takes without counting it. */
const DATABASE_SHARE = 1 / 3;

/** Bytes that this process may use: the limit of its container, or all of the machine's memory. */
export function memoryBytes(): number {
  // Without a limit Node gives a number beyond any memory, or 0.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/**
 * How much memory DuckDB may use before it spills to disk, as its setting `memory_limit` takes it: at most 1 GiB, less in a
 * container that has little. A limit above the container's own would have the process killed instead.
 */
export function databaseMemory(bytes = memoryBytes()): string {
  return `${Math.floor(Math.min(DATABASE_BYTES_MAX, bytes * DATABASE_SHARE) / MEBIBYTE)}MiB`;
}
