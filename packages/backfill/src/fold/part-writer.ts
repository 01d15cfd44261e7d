import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { DOUBLE, DuckDBTableFunction, INTEGER } from "@duckdb/node-api";
import { sqlName, sqlText } from "../input/work-database.js";
import { CHUNK_ROWS, writeDoubles } from "./data-chunk.js";

/** Columns of the output before the features. */
const PAYMENT_COLUMNS = [
  ...["client_transaction_id", "card_token::VARCHAR AS card_token", "terminal_id::VARCHAR AS terminal_id"],
  ...["occurred_at_ms", "labelled_at_ms", "fraud"],
];
/**
 * Dictionaries do not help if most values are distinct, and stronger compression hardly makes doubles smaller.
 */
const FORMAT = [
  ...["FORMAT parquet", "COMPRESSION zstd", "COMPRESSION_LEVEL 1"],
  ...["DICTIONARY_SIZE_LIMIT 8192", "WRITE_BLOOM_FILTER false"],
].join(", ");
/** Parts are read only once, soon after they are written, so compressing them would take more time than it saves. */
const PART_FORMAT = "FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 8192, WRITE_BLOOM_FILTER false";
const FEATURES_FUNCTION = "block_features";

/** One finished file of rows. */
export interface Part {
  readonly rows: number;
  readonly bytes: number;
}

export interface PartWriterOptions {
  readonly database: DuckDBInstance;
  readonly directory: string;
  /** Names of the features. */
  readonly names: readonly string[];
  /** For each slot, the feature columns of its block. */
  readonly features: readonly (readonly Float64Array[])[];
  /** Number of parts written in parallel. */
  readonly writers: number;
}

export function partPath(directory: string, index: number): string {
  return join(directory, `part-${String(index).padStart(6, "0")}.parquet`);
}

/**
 * Writes parts: rows of the table `payments` joined with the features of a block. Each part file appears complete or
 * not at all.
 */
export class PartWriter {
  private readonly waiting: ((connection: DuckDBConnection) => void)[] = [];

  private constructor(
    private readonly options: PartWriterOptions,
    private readonly idle: DuckDBConnection[],
  ) {}

  static async open(options: PartWriterOptions): Promise<PartWriter> {
    const connections: DuckDBConnection[] = [];
    for (let index = 0; index < options.writers; index += 1) connections.push(await options.database.connect());
    connections[0]?.registerTableFunction(featuresFunction(options));
    return new PartWriter(options, connections);
  }

  /**
   * Writes part `index`: the payments of the block in `slot`, which start at row `firstRow` of `payments`. The block
   * must not change until the part is written.
   */
  async write(index: number, slot: number, firstRow: number, rows: number): Promise<Part> {
    const path = partPath(this.options.directory, index);
    const connection =
      this.idle.pop() ?? (await new Promise<DuckDBConnection>((resolve) => this.waiting.push(resolve)));
    try {
      await connection.run(`
        COPY (
          SELECT * FROM (
            SELECT ${PAYMENT_COLUMNS.join(", ")} FROM payments WHERE rowid >= ${firstRow} AND rowid < ${firstRow + rows}
          ) POSITIONAL JOIN ${FEATURES_FUNCTION}(${slot}, ${rows})
        ) TO ${sqlText(`${path}.tmp`)} (${PART_FORMAT})`);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.idle.push(connection);
      else next(connection);
    }
    const { size: bytes } = await stat(`${path}.tmp`);
    await rename(`${path}.tmp`, path);
    return { rows, bytes };
  }

  /**
   * Writes the rows of the first `parts` parts, in order, to one file. The database has one thread (see `foldEvents`),
   * so the same rows always produce the same bytes.
   */
  async join(parts: number, path: string): Promise<void> {
    const { directory, names } = this.options;
    const files = Array.from({ length: parts }, (_, index) => sqlText(partPath(directory, index)));
    const features = names.map((name) => `0::DOUBLE AS ${sqlName(name)}`);
    // Without payments, the file still has all columns.
    const empty = `SELECT ${[...PAYMENT_COLUMNS, ...features].join(", ")} FROM payments LIMIT 0`;
    const rows = parts === 0 ? empty : `FROM read_parquet([${files.join(", ")}])`;
    await this.idle[0]?.run(`COPY (${rows}) TO ${sqlText(path)} (${FORMAT})`);
  }

  close(): void {
    for (const connection of this.idle) connection.closeSync();
  }
}

/** A DuckDB table function that returns the first rows of the block in a slot. */
function featuresFunction({ names, features }: PartWriterOptions): DuckDBTableFunction {
  return DuckDBTableFunction.create({
    name: FEATURES_FUNCTION,
    parameterTypes: [INTEGER, INTEGER],
    bindFunction(info) {
      for (const name of names) info.addResultColumn(name, DOUBLE);
      const rows = Number(info.getParameter(1));
      info.setCardinality(rows, true);
      info.setBindData({ columns: features[Number(info.getParameter(0))] ?? [], rows });
    },
    initFunction(info) {
      info.setMaxThreads(1);
      info.setInitData({ at: 0 });
    },
    mainFunction(info, output) {
      const { columns, rows } = info.bindData as { columns: readonly Float64Array[]; rows: number };
      const scan = info.initData as { at: number };
      const count = Math.min(CHUNK_ROWS, rows - scan.at);
      output.rowCount = count;
      for (const [index, column] of columns.entries()) writeDoubles(output, index, column, scan.at, count);
      scan.at += count;
    },
  });
}
