import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import { handbookSource } from "@tripline/backfill/input/handbook-source";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { runPython } from "@tripline/model-loop/run-python";
import { ROOT } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";
import { Command, Option } from "commander";

interface BenchModelFlags {
  readonly handbook: string;
  readonly folds: "test" | "validation";
  readonly features?: string;
  readonly genuineShare?: string;
}

/** `tripline bench-model`: measures model quality on published splits and compares it with published results. */
export function benchModelCommand(): Command {
  return new Command("bench-model")
    .description("train on the handbook's published folds and compare the results with the published ones")
    .requiredOption("--handbook <folder>", "the handbook's benchmark data (the folder that contains raw/ and folds/)")
    .addOption(
      new Option("--folds <part>", "choose models on the validation folds, and report them on the test folds")
        .choices(["test", "validation"])
        .default("test"),
    )
    .option(
      "--features <file>",
      "output of an earlier `tripline backfill` of this data, so that it is not computed again",
    )
    .option("--genuine-share <share>", "train on this share of the genuine payments: faster, slightly less accurate")
    .action(async (flags: BenchModelFlags) => {
      const steps = new StepLog();
      const directory = resolve(flags.handbook);
      const folder = await mkdtemp(join(tmpdir(), "tripline-bench-model-"));
      try {
        const features = flags.features ?? (await computeFeatures(directory, join(folder, "features.parquet"), steps));
        const table = await steps.run(`train and measure on the ${flags.folds} folds`, () =>
          runPython("tripline_training.bench_model", [
            ...["--features", resolve(features)],
            ...["--folds", join(directory, "folds")],
            ...["--feature-spec", join(ROOT, "packages", "contracts", "feature-spec.yaml")],
            ...["--part", flags.folds],
            ...(flags.genuineShare === undefined ? [] : ["--genuine-share", flags.genuineShare]),
          ]),
        );
        process.stdout.write(`\n${table}`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

/** Computes the features of the whole history. @returns the file */
async function computeFeatures(directory: string, outputPath: string, steps: StepLog): Promise<string> {
  // Tokens only affect the order of cards with equal scores, so a fixed key keeps results reproducible.
  const source = handbookSource({ directory, cardTokenKey: Buffer.alloc(32) });
  await steps.run("compute the features of all days", (onProgress) =>
    backfill({
      spec: currentFeatureSpec(),
      source,
      tenant: "demo",
      outputPath,
      onProgress: ({ doneEvents, totalEvents }) => onProgress({ done: doneEvents, total: totalEvents }),
    }),
  );
  return outputPath;
}
