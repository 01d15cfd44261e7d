import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { sqlName, sqlText } from "@tripline/backfill/input/work-database";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ROOT } from "@tripline/system/services/workspace";
import { scoreFile } from "./score-file.js";

const REGISTRY = pathToFileURL(join(ROOT, "apps", "scoring", "test-models", "networks", "generated")).href;

test.each(["fraud-torch", "fraud-keras"])("scores a table of payments with %s like its trainer", async (name) => {
  const folder = await mkdtemp(join(tmpdir(), "tripline-score-network-"));
  const instance = await DuckDBInstance.create(":memory:");
  const database = await instance.connect();
  try {
    const model = await openRegistry(REGISTRY).resolve(name, "candidate");
    const { inputs, outputs } = model.golden;
    const inputPath = join(folder, "features.parquet");
    const outputPath = join(folder, "scores.parquet");
    const rows = inputs.map((row, place) => `(${place}, ${row.map((value) => `${value}::FLOAT`).join(", ")})`);
    const names = model.manifest.features.map(sqlName).join(", ");
    await database.run(
      `COPY (SELECT * FROM (VALUES ${rows.join(", ")}) AS golden (place, ${names})) TO ${sqlText(inputPath)} (FORMAT parquet)`,
    );
    expect(await scoreFile({ inputPath, outputPath, model, threads: 2, keep: ["place"] })).toBe(inputs.length);
    const scored = await database.runAndReadAll(`SELECT place, score FROM ${sqlText(outputPath)} ORDER BY place`);
    const apart = scored
      .getRows()
      .map(([place, score]) => Math.abs(Number(score) - (outputs[Number(place)] ?? Number.NaN)));
    expect(apart).toHaveLength(256);
    expect(Math.max(...apart)).toBeLessThanOrEqual(1e-5);
  } finally {
    database.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
});
