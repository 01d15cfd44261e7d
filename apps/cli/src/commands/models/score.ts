import { availableParallelism } from "node:os";
import { scoreFile } from "@tripline/model-loop/scoring/score-file";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command, InvalidArgumentError } from "commander";
import { positiveNumber } from "../number-options.js";
import { ProgressLine } from "../progress-line.js";
import { registryOption } from "../registry-options.js";

interface ScoreFlags {
  readonly input: string;
  readonly output: string;
  readonly model: ModelReference;
  readonly registry: string;
  readonly keep?: readonly string[];
  readonly threads: number;
}

interface ModelReference {
  readonly name: string;
  /** The alias or version of the model. */
  readonly at: string;
}

/** `tripline score`: adds scores to rows of features, with a model from the registry. */
export function scoreCommand(output: CommandOutput = process.stdout): Command {
  return new Command("score")
    .description("score a Parquet file of features with a model from the registry")
    .requiredOption(
      "--input <file>",
      "Parquet file with one column per feature, as written by `tripline backfill`; may be a glob",
    )
    .requiredOption("--output <file>", "Parquet file to write, with the kept columns, score, model and model_version")
    .option("--model <name@alias>", "the model: fraud@champion or fraud@<version>", parseModel, {
      name: MODEL_NAME,
      at: "champion",
    })
    .addOption(registryOption())
    .option("--keep <names>", "input columns to copy, comma-separated (default: all non-feature columns)", (text) =>
      text.split(",").map((name) => name.trim()),
    )
    .option(
      "--threads <count>",
      "number of scoring threads (default: one per core)",
      positiveNumber,
      availableParallelism(),
    )
    .action(async ({ input, output: outputPath, model: reference, registry, keep, threads }: ScoreFlags) => {
      const startedAt = performance.now();
      const line = new ProgressLine(process.stderr);
      line.say("reading the model");
      try {
        const model = await openRegistry(registry).resolve(reference.name, reference.at);
        const rows = await scoreFile({
          inputPath: input,
          outputPath,
          model,
          threads,
          ...(keep === undefined ? {} : { keep }),
          onProgress: (progress) => line.update(progress),
        });
        line.end();
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        output.write(`${rows} rows scored with ${model.name} ${model.version} in ${seconds} s\n`);
      } finally {
        line.end();
      }
    });
}

function parseModel(text: string): ModelReference {
  const [name = "", at = "champion", ...more] = text.split("@");
  if (name === "" || at === "" || more.length > 0)
    throw new InvalidArgumentError("It must be a reference, such as fraud@champion.");
  return { name, at };
}
