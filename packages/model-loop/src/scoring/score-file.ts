import { rename, rm } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBDataChunk, FLOAT } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";
import { CHUNK_ROWS, readDoubles } from "@tripline/backfill/fold/data-chunk";
import { openWorkDatabase, sqlName, sqlText } from "@tripline/backfill/input/work-database";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { ScorePool } from "./score-pool.js";

export interface ScoreOptions {
  /** Parquet with a column per feature; may be a glob. */
  readonly inputPath: string;
  /** Parquet to write; appears complete or not at all. */
  readonly outputPath: string;
  readonly model: ModelVersion;
  readonly threads: number;
  /** Input columns to copy. Default: all columns that are not features. */
  readonly keep?: readonly string[];
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

/** Rows per scoring task of a thread. */
const BATCH_ROWS = CHUNK_ROWS * 4;
/** Batches per thread, queued or running. This limits memory for inputs of any size. */
const BATCHES_PER_THREAD_MAX = 2;
const SCORE_COLUMNS = ["score", "model", "model_version"];
const NUMERIC_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/**
 * Scores every row of a Parquet file with a model. The output has the input's rows in the same order: the columns to
 * keep, then `score` (FLOAT, the fraud probability), `model` and `model_version`.
 *
 * @returns the number of rows
 * @throws TriplineError `invalid-field` if the input lacks a column of the model or contains an empty value, NaN or a
 * value too large for a float32; `model-refused` if the model does not run
 */
export async function scoreFile(options: ScoreOptions): Promise<number> {
  const database = await openWorkDatabase();
  let pool: ScorePool | undefined;
  const unfinished = `${options.outputPath}.unfinished`;
  try {
    const input = `read_parquet(${sqlText(options.inputPath)})`;
    const keep = await checkColumns(database.reader, input, options);
    const total = await countRows(database.reader, input);
    pool = await ScorePool.start(options.model, options.threads);
    const rows = await scoreRows(database, input, total, pool, options);
    if (rows !== total || (await countRows(database.reader, input)) !== total) {
      throw new TriplineError("invalid-field", `${options.inputPath} changed while it was being read. Score it again.`);
    }
    await writeOutput(database.writer, input, keep, unfinished, options.model);
    await rename(unfinished, options.outputPath);
    return rows;
  } finally {
    await pool?.close();
    await database.close();
    await rm(unfinished, { force: true });
  }
}

/** Returns the output columns that are copied from the input. */
async function checkColumns(
  reader: DuckDBConnection,
  input: string,
  { inputPath, model, keep }: ScoreOptions,
): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const [name, type] of await query(reader, `DESCRIBE SELECT * FROM ${input}`, inputPath)) {
    found.set(String(name), String(type));
  }
  const { features } = model.manifest;
  const named = `model ${model.name} ${model.version}`;
  const missing = features.filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new TriplineError(
      "invalid-field",
      `${inputPath} lacks ${missing.length} of the ${features.length} columns that ${named} needs: ${missing.join(", ")}.`,
    );
  }
  const text = features.find((name) => !NUMERIC_TYPE.test(found.get(name) ?? ""));
  if (text !== undefined) {
    throw new TriplineError(
      "invalid-field",
      `${inputPath}: ${text} is ${found.get(text)}, but ${named} requires numbers.`,
    );
  }
  const unknown = keep?.find((name) => !found.has(name));
  if (unknown !== undefined) throw new TriplineError("invalid-field", `${inputPath} has no column ${unknown} to keep.`);
  const kept = keep ?? [...found.keys()].filter((name) => !features.includes(name));
  const taken = kept.find((name) => SCORE_COLUMNS.includes(name));
  if (taken === undefined) return kept;
  throw new TriplineError("invalid-field", `${inputPath} already has a column ${taken}. Specify the columns to keep.`);
}

async function scoreRows(
  { reader, writer }: { reader: DuckDBConnection; writer: DuckDBConnection },
  input: string,
  total: number,
  pool: ScorePool,
  { inputPath, model, threads, onProgress }: ScoreOptions,
): Promise<number> {
  await writer.run("CREATE TABLE scores (score FLOAT)");
  const appender = await writer.createAppender("scores");
  const running: Promise<Float32Array>[] = [];
  let done = 0;
  const takeFirst = async (): Promise<void> => {
    const scores = await running.shift();
    if (scores === undefined) return;
    for (let start = 0; start < scores.length; start += CHUNK_ROWS) appender.appendDataChunk(chunkOf(scores, start));
    done += scores.length;
    onProgress?.({ doneEvents: done, totalEvents: total });
  };
  try {
    for await (const batch of readBatches(reader, input, inputPath, model.manifest.features)) {
      const scores = pool.run(batch.features, batch.rows);
      // The result is awaited later; until then, a rejection must not end the process.
      scores.catch(() => undefined);
      running.push(scores);
      if (running.length >= threads * BATCHES_PER_THREAD_MAX) await takeFirst();
    }
    while (running.length > 0) await takeFirst();
  } finally {
    appender.closeSync();
  }
  return done;
}

interface Batch {
  readonly features: Float32Array<ArrayBuffer>;
  readonly rows: number;
}

/** The input's rows in order, in the model's format. */
async function* readBatches(
  reader: DuckDBConnection,
  input: string,
  inputPath: string,
  names: readonly string[],
): AsyncGenerator<Batch> {
  // Empty values become NaN, which is rejected.
  const columns = names.map((name) => `coalesce(${sqlName(name)}::DOUBLE, 'nan'::DOUBLE)`);
  const result = await reader.stream(`SELECT ${columns.join(", ")} FROM ${input}`);
  let features = new Float32Array(BATCH_ROWS * names.length);
  let rows = 0;
  let rowsBefore = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    const count = chunk?.rowCount ?? 0;
    if (chunk === null || count === 0) break;
    for (let column = 0; column < names.length; column += 1) {
      const values = readDoubles(chunk, column);
      for (let row = 0, at = rows * names.length + column; row < count; row += 1, at += names.length) {
        features[at] = values[row] ?? Number.NaN;
        if (Number.isFinite(features[at])) continue;
        throw unusable(inputPath, names[column] ?? "", rowsBefore + rows + row, values[row] ?? Number.NaN);
      }
    }
    rows += count;
    if (rows + CHUNK_ROWS <= BATCH_ROWS) continue;
    yield { features: cut(features, rows * names.length), rows };
    rowsBefore += rows;
    rows = 0;
    features = new Float32Array(BATCH_ROWS * names.length);
  }
  if (rows > 0) yield { features: cut(features, rows * names.length), rows };
}

/** The whole buffer is transferred, so a view of part of it is not enough. */
function cut(features: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  return length === features.length ? features : features.slice(0, length);
}

function unusable(inputPath: string, column: string, row: number, value: number): TriplineError {
  const what = Number.isNaN(value) ? "is empty or not a number" : `is ${value}, which is too large for a float32`;
  return new TriplineError(
    "invalid-field",
    `${inputPath}: ${column} of row ${row + 1} ${what}. Every feature must be a number; ` +
      "`tripline backfill` writes defaults for unknown values.",
  );
}

function chunkOf(scores: Float32Array, start: number): DuckDBDataChunk {
  const count = Math.min(CHUNK_ROWS, scores.length - start);
  const chunk = DuckDBDataChunk.create([FLOAT], count);
  const vector = bindings.data_chunk_get_vector(chunk.chunk, 0);
  const memory = scores.buffer as ArrayBuffer;
  bindings.copy_data_to_vector(vector, 0, memory, scores.byteOffset + start * 4, count * 4);
  return chunk;
}

async function writeOutput(
  writer: DuckDBConnection,
  input: string,
  keep: readonly string[],
  path: string,
  { name, version }: ModelVersion,
): Promise<void> {
  const kept = keep.map((column) => `input.${sqlName(column)}`);
  const added = ["scores.score", `${sqlText(name)} AS model`, `${sqlText(version)} AS model_version`];
  await writer.run(
    `COPY (SELECT ${[...kept, ...added].join(", ")} FROM ${input} AS input POSITIONAL JOIN scores) ` +
      `TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
}

async function countRows(reader: DuckDBConnection, input: string): Promise<number> {
  const [[count] = []] = (await reader.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${input}`)).getRows();
  return Number(count);
}

async function query(
  reader: DuckDBConnection,
  sql: string,
  inputPath: string,
): Promise<readonly (readonly unknown[])[]> {
  try {
    return (await reader.runAndReadAll(sql)).getRows();
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw new TriplineError("invalid-field", `${inputPath} cannot be read: ${reason}`, [], { cause: error });
  }
}
