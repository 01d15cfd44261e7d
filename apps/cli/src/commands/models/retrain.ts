import { join, resolve } from "node:path";
import { SHIPPED_POLICY } from "@tripline/model-loop/replay-decisions/find-policies";
import type { RetrainOptions, RetrainOutcome } from "@tripline/model-loop/retraining/retrain";
import { PARAMS_FILE, retrain, TOO_EARLY } from "@tripline/model-loop/retraining/retrain";
import { ROWS_MAX } from "@tripline/model-loop/retraining/sample-payments";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { Command, Option } from "commander";
import { featureAucMaxOption } from "../data/map-options.js";
import { labelsByOption, lakeOption, parseTime, tenantOption, withKafka } from "../lake-options.js";
import { positiveNumber, wholeNumber } from "../number-options.js";
import { registryOption } from "../registry-options.js";
import type { FollowFlags } from "./follow-retraining.js";
import { controlFrom, followRetraining, withFollowing } from "./follow-retraining.js";

interface RetrainFlags extends FollowFlags {
  readonly lake: string;
  readonly registry: string;
  readonly model: string;
  readonly work: string;
  readonly tenant?: string;
  readonly cutoff?: number;
  readonly days: number;
  readonly rowsMax: number;
  readonly features: RetrainOptions["features"];
  readonly labelsBy: RetrainOptions["labelsBy"];
  readonly params: string;
  readonly trustWeeks?: true;
  readonly featureAucMax?: number;
  readonly candidate?: string;
  readonly costs?: string;
  readonly policy?: readonly string[];
  readonly driftFrom?: number;
  readonly jobs: number;
  readonly checkpoints?: string;
  readonly follow?: true;
}

/**
 * `tripline retrain`: trains a model from the lake, and registers it as challenger if it is better than the champion.
 */
export function retrainCommand(output: CommandOutput = process.stdout): Command {
  const command = withFollowing(
    new Command("retrain")
      .description("train on the data in the lake, and register a challenger if it is better than the champion")
      .addOption(lakeOption())
      .addOption(registryOption())
      .option("--model <name>", "which model", MODEL_NAME)
      .addOption(
        new Option("--work <folder>", "folder for checkpoints, from which an interrupted run resumes")
          .env("WORK_DIRECTORY")
          .default(join(STATE_DIRECTORY, "retrain"), "the one in this repository"),
      )
      .addOption(tenantOption())
      .option(
        "--cutoff <time>",
        "label cut-off: labels that arrived later are not used (default: start of the newest payment's day, UTC)",
        parseTime,
      )
      .addOption(
        new Option("--days <count>", "days of payments to read before the label cut-off")
          .env("RETRAIN_DAYS")
          .argParser(wholeNumber)
          .default(0, "all"),
      )
      .addOption(
        new Option(
          "--rows-max <count>",
          "approximate number of payments to use; if the lake contains more, they are sampled",
        )
          .env("RETRAIN_ROWS_MAX")
          .argParser(positiveNumber)
          .default(ROWS_MAX),
      )
      .addOption(
        new Option("--features <from>", "as logged at decision time, or recomputed from the payments")
          .choices(["log", "backfill"])
          .default("log"),
      )
      .addOption(labelsByOption())
      .option("--params <file>", "tree parameters, and the criteria for a better model", PARAMS_FILE)
      .option("--trust-weeks", "use weeks that failed the data checks, once you have reviewed them")
      .option(
        "--drift-from <time>",
        "day of a drift: earlier days may get less weight, and the newest weeks are used for training",
        parseTime,
      )
      .option("--jobs <count>", "number of threads; a different number may produce a different model", wholeNumber, 1)
      .addOption(
        new Option(
          "--checkpoints <url>",
          "object store for checkpoints, such as s3://bucket/prefix, so that a run can resume on another machine",
        ).env("CHECKPOINTS_URL"),
      )
      .addOption(
        new Option(
          "--follow",
          "keep running: retrain after each drift and on a schedule, and roll out better models",
        ).conflicts("candidate"),
      ),
  );
  command.addOption(featureAucMaxOption().env("RETRAIN_FEATURE_AUC_MAX"));
  return withKafka(withComparison(command)).action(async (flags: RetrainFlags) => {
    process.exitCode = await run(flags, output);
  });
}

/** Options for what is compared with the champion, and how. */
function withComparison(command: Command): Command {
  return command
    .option(
      "--candidate <version>",
      "compare this registered version or alias with the champion instead of training a model; with --control, " +
        "the control plane may then roll it out",
    )
    .addOption(
      new Option("--costs <file>", "YAML with costs (docs/policy.md): a better model must also save money").env(
        "RETRAIN_COSTS",
      ),
    )
    .addOption(
      new Option("--policy <files>", "with --costs: the policies in force, comma-separated, as FILE or TENANT=FILE")
        .env("RETRAIN_POLICIES")
        .argParser((text: string) => text.split(","))
        .default([SHIPPED_POLICY], "the one in this repository"),
    );
}

async function run(flags: RetrainFlags, output: CommandOutput): Promise<number> {
  const options = optionsOf(flags, output);
  if (flags.follow === undefined) {
    const outcome = await retrain(options);
    await recordComparison(outcome, flags, output);
    return codeOf(outcome);
  }
  await followRetraining(options, flags);
  return 0;
}

/** In a manual run, `TOO_EARLY` counts as a failure. */
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
    rowsMax: flags.rowsMax,
    features: flags.features,
    labelsBy: flags.labelsBy,
    paramsFile: flags.params,
    trustWeeks: flags.trustWeeks === true,
    ...(flags.featureAucMax === undefined ? {} : { featureAucMax: flags.featureAucMax }),
    ...(flags.candidate === undefined ? {} : { candidate: flags.candidate }),
    ...moneyOf(flags),
    ...(flags.driftFrom === undefined ? {} : { driftMs: flags.driftFrom }),
    jobs: flags.jobs,
    output,
    ...(tenant === undefined ? {} : { tenant }),
    ...(cutoffMs === undefined ? {} : { cutoffMs }),
    ...(days === 0 ? {} : { daysMax: days }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
  };
}

/** Stores the comparison of a version that was registered by hand in the control plane. */
async function recordComparison({ comparison }: RetrainOutcome, flags: RetrainFlags, output: CommandOutput) {
  if (comparison === undefined) return;
  const control = controlFrom(process.env, flags);
  const { version, ...body } = comparison;
  if (control === undefined) {
    output.write("The control plane does not know the comparison: set --control, --token-url and CLIENT_ID.\n");
    return;
  }
  await control.call("PUT", `/v1/models/${flags.model}/versions/${version}/comparison`, { body });
  output.write(`The control plane can now roll out ${flags.model} ${version}.\n`);
}

function moneyOf({ costs, policy = [] }: RetrainFlags): Pick<RetrainOptions, "money"> {
  if (costs === undefined) return {};
  const policyFiles = policy.map((text): [string, string] => {
    const at = text.indexOf("=");
    return [text.slice(0, Math.max(0, at)), resolve(text.slice(at + 1))];
  });
  return { money: { costsFile: resolve(costs), policyFiles: Object.fromEntries(policyFiles) } };
}
