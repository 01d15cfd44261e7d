import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { sqlText } from "@tripline/backfill/input/work-database";
import { scoreFile } from "@tripline/model-loop/scoring/score-file";
import { ScorePool } from "@tripline/model-loop/scoring/score-pool";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ROOT } from "@tripline/system/services/workspace";
import { scoreCommand } from "./score.js";

const REGISTRY = pathToFileURL(join(ROOT, "apps", "scoring", "test-models", "generated")).href;
/** More than one DuckDB row group, and not a round number. */
const ROWS = 130_001;

let folder: string;
let instance: DuckDBInstance;
let database: DuckDBConnection;
let champion: ModelVersion;

beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:");
  database = await instance.connect();
  champion = await openRegistry(REGISTRY).resolve("fraud", "champion");
});

afterAll(() => {
  database.closeSync();
  instance.closeSync();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-score-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The champion's golden rows, repeated, each with its number and the trainer's output. */
async function writeInput(file: string, from: number, to: number, change = "*"): Promise<string> {
  const { inputs, outputs } = champion.golden;
  const rows = inputs.map(
    (row, index) => `(${index}, ${row.map((value) => `${value}::FLOAT`).join(", ")}, ${outputs[index]})`,
  );
  const names = champion.manifest.features.map((name) => `"${name}"`).join(", ");
  const golden = `(VALUES ${rows.join(", ")}) AS golden (place, ${names}, expected)`;
  const path = join(folder, file);
  await database.run(
    `COPY (SELECT ${change} FROM (SELECT 'payment ' || n AS id, n, ${names}, expected FROM range(${from}, ${to}) AS r (n) ` +
      `JOIN ${golden} ON place = n % ${inputs.length} ORDER BY n)) TO ${sqlText(path)} (FORMAT parquet, ROW_GROUP_SIZE 40000)`,
  );
  return path;
}

async function read(sql: string): Promise<Record<string, unknown>[]> {
  return (await database.runAndReadAll(sql)).getRowObjectsJson();
}

const options = (inputPath: string) => ({
  inputPath,
  outputPath: join(folder, "scores.parquet"),
  model: champion,
  threads: 2,
});

test("gives every row its score, in order, regardless of which thread computed it", async () => {
  const input = await writeInput("features.parquet", 0, ROWS);
  const seen: number[] = [];
  const onProgress = ({ doneEvents }: { doneEvents: number }) => void seen.push(doneEvents);
  expect(await scoreFile({ ...options(input), onProgress })).toBe(ROWS);
  const output = `read_parquet(${sqlText(join(folder, "scores.parquet"))}, file_row_number = true)`;
  const [checked] = await read(
    `SELECT count(*)::INT AS rows, count(*) FILTER (n != file_row_number)::INT AS misplaced, ` +
      `max(abs(score - expected)) < 1e-5 AS exact, count(DISTINCT score)::INT AS scores, ` +
      `any_value(model) AS model, any_value(model_version) AS version FROM ${output}`,
  );
  expect(checked).toEqual({
    rows: ROWS,
    misplaced: 0,
    exact: true,
    // A row's score is bit-identical in every batch.
    scores: new Set(Float32Array.from(champion.golden.outputs)).size,
    model: "fraud",
    version: champion.version,
  });
  const columns = await read(`DESCRIBE SELECT * EXCLUDE (file_row_number) FROM ${output}`);
  expect(columns.map((column) => `${column.column_name} ${column.column_type}`)).toEqual([
    ...["id VARCHAR", "n BIGINT", expect.stringMatching(/^expected /)],
    ...["score FLOAT", "model VARCHAR", "model_version VARCHAR"],
  ]);
  expect(seen.length).toBeGreaterThan(3);
  expect(seen.at(-1)).toBe(ROWS);
  expect((await readdir(folder)).sort()).toEqual(["features.parquet", "scores.parquet"]);
});

test("reads several files and keeps the requested columns", async () => {
  await writeInput("part-0.parquet", 0, 3_000);
  await writeInput("part-1.parquet", 3_000, 5_001);
  expect(await scoreFile({ ...options(join(folder, "part-*.parquet")), keep: ["n"] })).toBe(5_001);
  const rows = await read(`SELECT * FROM ${sqlText(join(folder, "scores.parquet"))}`);
  expect(Object.keys(rows[0] ?? {})).toEqual(["n", "score", "model", "model_version"]);
  expect(rows.every((row, index) => Number(row.n) === index)).toBe(true);
  const { outputs } = champion.golden;
  for (const [index, row] of rows.entries()) {
    expect(Math.abs(Number(row.score) - (outputs[index % outputs.length] ?? 0))).toBeLessThan(1e-5);
  }
});

test("writes an output without rows if the input has no rows", async () => {
  expect(await scoreFile(options(await writeInput("empty.parquet", 0, 0)))).toBe(0);
  expect(await read(`SELECT count(*)::INT AS rows FROM ${sqlText(join(folder, "scores.parquet"))}`)).toEqual([
    { rows: 0 },
  ]);
});

describe("in one sentence, and without leaving an output behind, rejects", () => {
  test.each([
    ["a missing column", "* EXCLUDE (amount, card_count_1d)", "lacks 2 of the 4 columns"],
    [
      "an empty value",
      "* REPLACE (CASE WHEN n = 4321 THEN NULL ELSE amount END AS amount)",
      "amount of row 4322 is empty",
    ],
    [
      "NaN",
      "* REPLACE (CASE WHEN n = 9 THEN 'nan'::FLOAT ELSE amount END AS amount)",
      "amount of row 10 is empty or not a",
    ],
    [
      "infinity",
      "* REPLACE (CASE WHEN n = 9 THEN 'inf'::FLOAT ELSE amount END AS amount)",
      "row 10 is Infinity, which is too large for a float32",
    ],
    [
      "a number too large for a float32",
      "* REPLACE (1e300 AS amount)",
      "amount of row 1 is 1e+300, which is too large for a float32",
    ],
    ["text", "* REPLACE (id AS amount)", "amount is VARCHAR, but model fraud"],
    ["a column named score", "*, 1 AS score", "already has a column score"],
  ])("%s", async (_case, change, sentence) => {
    const input = await writeInput("features.parquet", 0, 5_000, change);
    await expect(scoreFile(options(input))).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining(sentence),
    });
    expect(await readdir(folder)).toEqual(["features.parquet"]);
  });

  test("a missing file, and a missing column to keep", async () => {
    const missing = { code: "invalid-field", message: expect.stringContaining("none.parquet cannot be read: ") };
    await expect(scoreFile(options(join(folder, "none.parquet")))).rejects.toMatchObject(missing);
    const input = await writeInput("features.parquet", 0, 10);
    const unknown = { code: "invalid-field", message: expect.stringContaining("has no column other to keep") };
    await expect(scoreFile({ ...options(input), keep: ["other"] })).rejects.toMatchObject(unknown);
  });

  test.each([
    ["always-nan", "is not a probability"],
    ["wrong-input", "was rejected: it "],
  ])("the model %s", async (alias, sentence) => {
    const model = await openRegistry(REGISTRY).resolve("fraud", alias);
    const input = await writeInput("features.parquet", 0, 5_000);
    await expect(scoreFile({ ...options(input), model })).rejects.toMatchObject({
      code: "model-refused",
      message: expect.stringContaining(sentence),
    });
    expect(await readdir(folder)).toEqual(["features.parquet"]);
  });
});

test("if a thread rejects the model while others are still loading it, only the command ends", async () => {
  const { modelBytes, manifest } = champion;
  const input = { ...manifest.input, name: "another" };
  for (let tries = 0; tries < 20; tries += 1) {
    const starting = ScorePool.start({ modelBytes, manifest: { ...manifest, input } }, 4);
    await expect(starting).rejects.toMatchObject({ code: "model-refused" });
  }
});

test("the command finds a model by its alias and prints its result", async () => {
  const input = await writeInput("features.parquet", 0, 100);
  let text = "";
  const command = scoreCommand({ write: (more) => (text += more) });
  const where = ["--input", input, "--output", join(folder, "scores.parquet"), "--registry", REGISTRY];
  await command.parseAsync([...where, "--model", "fraud@challenger", "--threads", "1"], { from: "user" });
  const challenger = await openRegistry(REGISTRY).aliasTarget("fraud", "challenger");
  expect(text).toContain(`100 rows scored with fraud ${challenger} in `);
  expect(await read(`SELECT DISTINCT model_version FROM ${sqlText(join(folder, "scores.parquet"))}`)).toEqual([
    { model_version: challenger },
  ]);
});
