import { stat } from "node:fs/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { databaseMemory, memoryBytes } from "../database-memory.js";
import { lakeUnavailable } from "../log/lake-disk.js";
import { parquetOptions } from "../parquet.js";
import { filesTable } from "../read/read-rows.js";
import { sqlText } from "../sql-text.js";

/**
 * A merge streams its rows, so more memory does not make it faster. DuckDB gets a third of this, or a third of a
 * smaller container's memory.
 */
const PROCESS_BYTES_MAX = 576 * 1024 ** 2;
/** Compressed size of a row group in the merged file. A program that reads or writes a row group keeps it in memory. */
const ROW_GROUP_BYTES = 8 * 1024 ** 2;
/** DuckDB's row groups are a multiple of this size. */
const VECTOR_ROWS = 2_048;

const SETTINGS = {
  threads: "1",
  /** Spilling is disabled, because the disk may be full. */
  max_temp_directory_size: "0KiB",
  preserve_insertion_order: "true",
};

/** Merges files. */
export interface Merger {
  /**
   * Writes the rows of the files to a new one, in the order of the files.
   *
   * @returns the number of rows
   * @throws TriplineError `lake-unavailable`
   */
  merge(paths: readonly string[], target: string): Promise<number>;
}

/** Merges Parquet files. If only some files have a column, it is null in the rows of the other files. */
export class FileMerger implements Merger {
  private constructor(private readonly instance: DuckDBInstance) {}

  static async open(): Promise<FileMerger> {
    const memory = databaseMemory(Math.min(memoryBytes(), PROCESS_BYTES_MAX));
    return new FileMerger(await DuckDBInstance.create(":memory:", { ...SETTINGS, memory_limit: memory }));
  }

  async merge(paths: readonly string[], target: string): Promise<number> {
    const connection = await this.instance.connect();
    try {
      const counted = await connection.runAndReadAll(
        `SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata([${paths.map(sqlText).join(", ")}])`,
      );
      const before = Number(counted.value(0, 0));
      const options = parquetOptions(rowGroupRows(before, await bytesOf(paths)));
      const { rowsChanged } = await connection.run(
        `COPY (SELECT * FROM ${filesTable(paths)}) TO ${sqlText(target)} ${options}`,
      );
      if (before !== rowsChanged) throw new Error(`${rowsChanged} of ${before} rows were written`);
      return before;
    } catch (thrown) {
      throw thrown instanceof TriplineError ? thrown : lakeUnavailable("The files cannot be merged", thrown);
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.instance.closeSync();
  }
}

async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function rowGroupRows(rows: number, bytes: number): number {
  return VECTOR_ROWS * Math.max(1, Math.floor((ROW_GROUP_BYTES * rows) / (bytes * VECTOR_ROWS)));
}
