import { join } from "node:path";
import { awaitDrift } from "@tripline/model-loop/retraining/await-drift";
import type { RetrainOptions } from "@tripline/model-loop/retraining/retrain";
import { PARAMS_FILE, retrain } from "@tripline/model-loop/retraining/retrain";
import { kafkaFrom } from "@tripline/system/client/connect-system";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { Command, InvalidArgumentError, Option } from "commander";
import { kafkaEnvironment, labelsByOption, lakeOption, parseTime, tenantOption, withKafka } from "../lake-options.js";
import { wholeNumber } from "../number-options.js";
import { durationMs } from "../parse-duration.js";
import { registryOption } from "../registry-options.js";

interface RetrainFlags {
  readonly lake: string;
  readonly registry: string;
  readonly model: string;
  readonly work: string;
  readonly tenant?: string;
  readonly cutoff?: number;
  readonly features: RetrainOptions["features"];
  readonly labelsBy: RetrainOptions["labelsBy"];
  readonly params: string;
  readonly trustWeeks?: true;
  readonly jobs: number;
  readonly onDrift?: true;
  readonly wait: number;
  readonly kafka?: string;
  readonly topicPrefix?: string;
}

/** `tripline retrain`: from the lake to a challenger, if it is better than the champion. */
export function retrainCommand(output: CommandOutput = process.stdout): Command {
  return withKafka(
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
        new Option("--features <from>", "as they were logged when decided by, or computed anew from the payments")
          .choices(["log", "backfill"])
          .default("log"),
      )
      .addOption(labelsByOption())
      .option("--params <file>", "parameters of the trees, and when a model is better", PARAMS_FILE)
      .option("--trust-weeks", "a person has looked at the weeks that were refused, and they are right")
      .option("--jobs <count>", "threads; another number may give another model", wholeNumber, 1)
      .option("--on-drift", "only if a drift-detected event is there, or comes in time")
      .option("--wait <duration>", "with --on-drift: how long to wait for an event", parseDuration, durationMs("30s")),
  ).action(async (flags: RetrainFlags) => {
    process.exitCode = await run(flags, output);
  });
}

async function run(flags: RetrainFlags, output: CommandOutput): Promise<number> {
  const work = () => retrain(optionsOf(flags, output));
  if (flags.onDrift === undefined) return work();
  const { kafka } = kafkaFrom(kafkaEnvironment(flags));
  const code = await awaitDrift({ kafka, model: flags.model, waitMs: flags.wait }, (events) => {
    for (const { day, sentence } of events) output.write(`drift: day=${day} ${sentence}\n`);
    return work();
  });
  if (code !== undefined) return code;
  output.write("retrain: kept champion because no drift was detected\n");
  return 0;
}

function optionsOf(flags: RetrainFlags, output: CommandOutput): RetrainOptions {
  const { lake, registry: registryUrl, model, work, tenant, cutoff: cutoffMs } = flags;
  return {
    lake,
    registryUrl,
    model,
    work,
    features: flags.features,
    labelsBy: flags.labelsBy,
    paramsFile: flags.params,
    trustWeeks: flags.trustWeeks === true,
    jobs: flags.jobs,
    output,
    ...(tenant === undefined ? {} : { tenant }),
    ...(cutoffMs === undefined ? {} : { cutoffMs }),
  };
}

function parseDuration(text: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
