import { resolve } from "node:path";
import { runPython } from "@tripline/model-loop/run-python";
import { FEATURE_SPEC } from "@tripline/model-loop/train-champion";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command } from "commander";
import { positiveNumber } from "../number-options.js";
import { registryOption } from "../registry-options.js";

interface BandsFlags {
  readonly features: string;
  readonly costs: string;
  readonly from: string;
  readonly to: string;
  readonly version: string;
  readonly model: string;
  readonly registry: string;
  readonly folds: number;
  readonly json?: string;
}

/** `tripline models bands`: proposes a policy's score bands for given costs and review capacity. */
export function bandsCommand(output: CommandOutput): Command {
  return new Command("bands")
    .description("propose score bands for a policy, for the costs of fraud, false positives and reviews")
    .requiredOption(
      "--features <file>",
      "Parquet with features and labels, as `tripline retrain` and `backfill` write it",
    )
    .requiredOption("--costs <file>", "YAML with the costs and the number of reviews per day (docs/policy.md)")
    .requiredOption(
      "--from <day>",
      "first day of the payments to choose the bands on, after the training days, for example 2026-02-01",
    )
    .requiredOption("--to <day>", "last day")
    .option("--version <alias>", "alias or version of the model", "champion")
    .option("--model <name>", "name of the model", MODEL_NAME)
    .addOption(registryOption())
    .option("--folds <count>", "number of parts of this period, for cross-validation", positiveNumber, 4)
    .option("--json <file>", "also write the proposal to this file")
    .action(async ({ registry, model, features, costs, json, ...flags }: BandsFlags) => {
      const printed = await withFolderRegistry(registry, model, (url) =>
        runPython("tripline_training.propose_bands", [
          ...["--features", resolve(features), "--feature-spec", FEATURE_SPEC, "--costs", resolve(costs)],
          ...["--registry", url, "--name", model, "--version", flags.version],
          ...["--from", flags.from, "--to", flags.to, "--folds", String(flags.folds)],
          ...(json === undefined ? [] : ["--json", resolve(json)]),
        ]),
      );
      output.write(printed);
    });
}
