import { join } from "node:path";
import type { RetrainOptions, RetrainOutcome } from "@tripline/model-loop/retraining/retrain";
import { PARAMS_FILE, retrain, TOO_EARLY } from "@tripline/model-loop/retraining/retrain";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { Command, Option } from "commander";
import { labelsByOption, lakeOption, parseTime, tenantOption, withKafka } from "../lake-options.js";
import { wholeNumber } from "../number-options.js";
import { registryOption } from "../registry-options.js";
import type { FollowFlags } from "./follow-retraining.js";
import { followRetraining, withFollowing } from "./follow-retraining.js";

interface RetrainFlags extends FollowFlags {
  readonly lake: string;
  readonly registry: string;
  readonly model: string;
  readonly work: string;
  readonly tenant?: string;
  readonly cutoff?: number;
  readonly days: number;
  readonly features: RetrainOptions["features"];
  readonly labelsBy: RetrainOptions["labelsBy"];
  readonly params: string;
  readonly trustWeeks?: true;
  readonly driftFrom?: number;
  readonly jobs: number;
  readonly checkpoints?: string;
  readonly follow?: true;
}

/** `tripline retrain`: from the lake to a challenger, if it is better than the champion. */
export function retrainCommand(output: CommandOutput = process.stdout): Command {
  const command = withFollowing(
    new Command("retrain")
      .description("train on what the lake has by now, and register a challenger where it is better than the champion")
      .addOption(lakeOption())
      .addOption(registryOption())
      .option("--model <name>", "which model", MODEL_NAME)
      .addOption(
        new Option("--work <folder>", "for checkpoints: what is killed goes on from here")
          .env("WORK_DIRECTORY")
          .default(join(STATE_DIRECTORY, "retrain"), "the one of this repository"),
      )
      .addOption(tenantOption())
      .option(
        "--cutoff <time>",
        "labels that arrived later are not used; the newest payment's day (UTC) begins it",
        parseTime,
      )
      .addOption(
        new Option("--days <count>", "days of payments before the cut-off that are read")
          .env("RETRAIN_DAYS")
          .argParser(wholeNumber)
          .default(0, "all"),
      )
      .addOption(
        new Option("--features <from>", "as they were logged when decided by, or computed anew from the payments")
          .choices(["log", "backfill"])
          .default("log"),
      )
      .addOption(labelsByOption())
      .option("--params <file>", "parameters of the trees, and when a model is better", PARAMS_FILE)
      .option("--trust-weeks", "a person has looked at the weeks that were refused, and they are right")
      .option(
        "--drift-from <time>",
        "since when the world is another one: days before may count less, and the newest weeks are learnt, too",
        parseTime,
      )
      .option("--jobs <count>", "threads; another number may give another model", wholeNumber, 1)
      .addOption(
        new Option(
          "--checkpoints <url>",
          "a store for the checkpoints, such as s3://bucket/prefix: what is lost with its machine goes on from there",
        ).env("CHECKPOINTS_URL"),
      )
      .option("--follow", "stay, and retrain after each drift and on a schedule; what is better is rolled out"),
  );
  return withKafka(command).action(async (flags: RetrainFlags) => {
    process.exitCode = await run(flags, output);
  });
}

async function run(flags: RetrainFlags, output: CommandOutput): Promise<number> {
  const options = optionsOf(flags, output);
  if (flags.follow === undefined) return codeOf(await retrain(options));
  await followRetraining(options, flags);
  return 0;
}

/** An early one is a failure to who asked for it. */
function codeOf({ code }: RetrainOutcome): number {
  return code === TOO_EARLY ? 1 : code;
}

function optionsOf(flags: RetrainFlags, output: CommandOutput): RetrainOptions {
  const { lake, registry: registryUrl, model, work, tenant, cutoff: cutoffMs, days, checkpoints } = flags;
  return {
    lake,
    registryUrl,
    model,
    work,
    features: flags.features,
    labelsBy: flags.labelsBy,
    paramsFile: flags.params,
    trustWeeks: flags.trustWeeks === true,
    ...(flags.driftFrom === undefined ? {} : { driftMs: flags.driftFrom }),
    jobs: flags.jobs,
    output,
    ...(tenant === undefined ? {} : { tenant }),
    ...(cutoffMs === undefined ? {} : { cutoffMs }),
    ...(days === 0 ? {} : { daysMax: days }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
  };
}
