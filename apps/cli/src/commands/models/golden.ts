import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import type { GoldenRow } from "@tripline/backfill/compare/compare-golden";
import { compareGolden } from "@tripline/backfill/compare/compare-golden";
import { handbookSource } from "@tripline/backfill/input/handbook-source";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { StepLog } from "@tripline/system/step-log";
import { Command } from "commander";

/** Maximum number of differences due to payments of one card in the same second, whose order is not defined. */
const TIES_MAX = 20;

/** `tripline compare-golden`: compares our windows with a benchmark's published ones. */
export function goldenCommand(): Command {
  return new Command("compare-golden")
    .description("compare computed features with the handbook's published features, and print the table")
    .requiredOption(
      "--handbook <folder>",
      "the handbook's benchmark data (the folder that contains raw/ and golden-features/)",
    )
    .action(async ({ handbook }: { handbook: string }) => {
      const steps = new StepLog();
      const spec = currentFeatureSpec();
      const directory = resolve(handbook);
      const folder = await mkdtemp(join(tmpdir(), "tripline-golden-"));
      try {
        const features = join(folder, "features.parquet");
        const source = handbookSource({ directory, cardTokenKey: Buffer.alloc(32) });
        await steps.run("compute the features of all days", (onProgress) =>
          backfill({
            spec,
            source,
            tenant: "demo",
            outputPath: features,
            onProgress: ({ doneEvents, totalEvents }) => onProgress({ done: doneEvents, total: totalEvents }),
          }),
        );
        const rows = await steps.run("compare them with the published features", () =>
          compareGolden(spec, directory, features),
        );
        process.stdout.write(`\n${printGolden(rows)}\n`);
        const isGood = rows.every(({ unequal, outOfBounds = 0 }) => unequal <= TIES_MAX && outOfBounds <= TIES_MAX);
        process.exitCode = isGood ? 0 : 1;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

/** The comparison as a Markdown table. */
export function printGolden(rows: readonly GoldenRow[]): string {
  const head =
    "| feature | published | rows | nothing in the tile | of those unequal | equal | beyond the tile | mean difference | largest |";
  const lines = rows.map((row) =>
    [
      `\`${row.feature}\``,
      `\`${row.published}\``,
      row.rows,
      row.comparable,
      row.unequal,
      `${((100 * row.equal) / row.rows).toFixed(2)} %`,
      row.outOfBounds ?? "",
      row.differenceMean.toPrecision(3),
      row.differenceMax.toPrecision(3),
    ].join(" | "),
  );
  return [head, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |", ...lines.map((line) => `| ${line} |`)].join(
    "\n",
  );
}
