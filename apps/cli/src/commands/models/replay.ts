import type { ReplayDecisionsOptions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { replayDecisions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command, InvalidArgumentError } from "commander";
import { jsonOf, printReplay } from "../../models/replay-report.js";
import { lakeOption, tenantOption } from "../lake-options.js";
import { ProgressLine } from "../progress-line.js";
import { registryOption } from "../registry-options.js";
import { fromOption, requireRange, scorecardOption, threadsOption, toOption } from "../replay-options.js";

interface ReplayFlags {
  readonly lake: string;
  readonly registry: string;
  readonly from: number;
  readonly to: number;
  readonly tenant?: string;
  readonly policy?: string;
  readonly policies?: string;
  readonly model?: ReplayDecisionsOptions["model"];
  readonly scorecard: readonly string[];
  readonly threads: number;
  readonly json?: true;
}

/** `tripline replay`: decides archived payments again, with the same or another policy or model. */
export function replayCommand(output: CommandOutput = process.stdout): Command {
  return new Command("replay")
    .description(
      "decide archived payments again, either with the same versions, byte for byte, or with other versions, as a diff",
    )
    .addOption(lakeOption())
    .addOption(registryOption())
    .addOption(fromOption())
    .addOption(toOption())
    .addOption(tenantOption())
    .option(
      "--policy <file>",
      "use this policy (default: the version of each decision, from the git history of apps/decisions/policy.yaml)",
    )
    .option("--policies <folder>", "also look for policy versions in this folder, written by `policy pull --all`")
    .option(
      "--model <version>",
      "score with this version or alias, or name@version (default: the version of each decision)",
      parseModel,
    )
    .addOption(scorecardOption())
    .addOption(threadsOption())
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExit code 1 if a decision with the same versions differs, or if no decision could be replayed.",
    )
    .action(async (flags: ReplayFlags) => {
      process.exitCode = await run(flags, output);
    });
}

async function run(flags: ReplayFlags, output: CommandOutput): Promise<number> {
  const { lake, registry: registryUrl, from: fromMs, to: toMs, tenant, policy, policies } = flags;
  const { model, scorecard, threads } = flags;
  requireRange(flags);
  const line = new ProgressLine(process.stderr);
  line.say("reading the versions of the decisions");
  try {
    const report = await replayDecisions({
      lake,
      registryUrl,
      fromMs,
      toMs,
      threads,
      scorecardFiles: scorecard,
      ...(tenant === undefined ? {} : { tenant }),
      ...(policy === undefined ? {} : { policyFile: policy }),
      ...(policies === undefined ? {} : { policiesFolder: policies }),
      ...(model === undefined ? {} : { model }),
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    output.write(flags.json === true ? jsonOf(report) : printReplay(report));
    return report.rows > 0 && report.identical === report.sameVersions ? 0 : 1;
  } finally {
    line.end();
  }
}

function parseModel(text: string): ReplayDecisionsOptions["model"] {
  const [first = "", second, ...more] = text.split("@");
  const model = second === undefined ? { name: MODEL_NAME, at: first } : { name: first, at: second };
  if (model.name !== "" && model.at !== "" && more.length === 0) return model;
  throw new InvalidArgumentError("It must be a version, an alias, or a reference such as fraud@champion.");
}
