import { resolve } from "node:path";
import { evaluateOwnModel } from "@tripline/model-loop/own-data/train-own-model";
import { StepLog } from "@tripline/system/step-log";
import { Command, InvalidArgumentError } from "commander";
import { cardTokenKeyOption, mapOption, OF_DEMO } from "../data/map-options.js";
import type { OwnFlags } from "./own-model.js";
import { ownFeatures, ownRegistry } from "./own-model.js";

interface EvaluateFlags extends OwnFlags {
  readonly reviewShare: number;
  readonly json?: string;
}

/** `tripline evaluate`: measures your own model on later days and compares it with simple baselines. */
export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description(
      "evaluate the model trained on your own data on later days, compared with simple models on the same days",
    )
    .addOption(mapOption().makeOptionMandatory())
    .requiredOption("--from <day>", "first day of the evaluation, after the training days, for example 2026-02-01")
    .requiredOption("--to <day>", "last day of the evaluation")
    .option("--review-share <share>", "share of payments that your team can review", parseShare, 0.005)
    .option("--registry <url>", "the registry that contains the model (default: that of `tripline train --map`)")
    .option("--json <file>", "also write the figures to this file")
    .addOption(cardTokenKeyOption(OF_DEMO))
    .option("--tenant <name>", "the tenant of the payments (default: the demo's tenant)")
    .action(async (flags: EvaluateFlags) => {
      const steps = new StepLog(process.stderr);
      const { files } = await ownFeatures(flags, steps);
      const table = await steps.run("compare with simple models", () =>
        evaluateOwnModel({
          files,
          period: flags,
          registryUrl: ownRegistry(flags),
          reviewShare: flags.reviewShare,
          ...(flags.json === undefined ? {} : { jsonPath: resolve(flags.json) }),
        }),
      );
      process.stdout.write(`\n${table}`);
    });
}

function parseShare(text: string): number {
  const share = Number(text);
  if (!(share > 0 && share <= 1))
    throw new InvalidArgumentError("It must be greater than 0 and at most 1, such as 0.005.");
  return share;
}
