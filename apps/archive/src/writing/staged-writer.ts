import { setImmediate as nextTurn } from "node:timers/promises";
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { DuckDBDataChunk, DuckDBInstance, DuckDBTimestampTZValue } from "@duckdb/node-api";
import type { LakeTable } from "@tripline/lake/lake-tables";
import { RECORD_COLUMNS } from "@tripline/lake/lake-tables";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { lakeUnavailable } from "@tripline/lake/log/lake-disk";
import { parquetOptions } from "@tripline/lake/parquet";
import { sqlName, sqlText } from "@tripline/lake/sql-text";
import type { HeldRow } from "./read-record.js";

/** Number of rows passed to DuckDB at a time, the maximum size of one of its chunks. */
const CHUNK_ROWS = 2_048;
const SETTINGS = {
  /** Far more than a flush needs. Spilling is disabled, because the disk may be full. */
  memory_limit: "512MB",
  max_temp_directory_size: "0KiB",
  threads: "2",
  /** Returns a flush's memory to the system; DuckDB would otherwise keep up to 128 MiB for the next one. */
  allocator_flush_threshold: "64KiB",
  allocator_bulk_deallocation_flush_threshold: "64KiB",
};

export interface StagedFile {
  readonly day: string;
  readonly staged: string;
  readonly rows: number;
}

/** Writes rows as Parquet files, one per day. */
export class StagedWriter {
  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly disk: LakeDisk,
  ) {}

  static async open(disk: LakeDisk): Promise<StagedWriter> {
    return new StagedWriter(await DuckDBInstance.create(":memory:", SETTINGS), disk);
  }

  /**
   * Writes the rows, in order, into one file per day. Makes the files durable, but not yet their names.
   *
   * @param pathOf returns the path of a staged file, given its name
   * @throws TriplineError `lake-unavailable`; in that case, nothing is left behind
   */
  async write(
    table: LakeTable,
    rows: readonly HeldRow[],
    prefix: string,
    pathOf: (name: string) => string,
  ): Promise<StagedFile[]> {
    const files = [...Map.groupBy(rows, ({ row }) => row.day)].map(([day, ofDay]) => ({
      day,
      staged: `${prefix}-${day}.staged`,
      ofDay,
    }));
    const connection = await this.instance.connect();
    try {
      for (const { staged, ofDay } of files) {
        await this.disk.produce(pathOf(staged), (local) => writeFile(connection, table, ofDay, local));
      }
      return files.map(({ day, staged, ofDay }) => ({ day, staged, rows: ofDay.length }));
    } catch (thrown) {
      await Promise.allSettled(files.map(({ staged }) => this.disk.remove(pathOf(staged))));
      throw thrown;
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.instance.closeSync();
  }
}

async function writeFile(
  connection: DuckDBConnection,
  table: LakeTable,
  rows: readonly HeldRow[],
  path: string,
): Promise<void> {
  try {
    const columns = [...RECORD_COLUMNS, ...table.columns];
    const definitions = columns.map(({ name, type }) => `${sqlName(name)} ${type}`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE staged (${definitions.join(", ")})`);
    const appender = await connection.createAppender("staged");
    for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
      const part = rows.slice(start, start + CHUNK_ROWS);
      const chunk = DuckDBDataChunk.create(
        columns.map(({ type }) => type),
        part.length,
      );
      chunk.setRows(part.map(cellsOf));
      appender.appendDataChunk(chunk);
      // Lets Kafka heartbeats and health checks run in between.
      await nextTurn();
    }
    appender.closeSync();
    await connection.run(`COPY staged TO ${sqlText(path)} ${parquetOptions()}`);
    await connection.run("DROP TABLE staged");
  } catch (cause) {
    throw lakeUnavailable(`${path} cannot be written`, cause);
  }
}

/** The columns are in the order of `RECORD_COLUMNS`, followed by the table's own columns. */
function cellsOf({ partition, offset, timestampMs, traceparent, row }: HeldRow): DuckDBValue[] {
  return [
    partition,
    BigInt(offset),
    BigInt(timestampMs),
    traceparent,
    new DuckDBTimestampTZValue(BigInt(row.eventTimeMs) * 1_000n),
    ...row.cells(),
  ];
}
