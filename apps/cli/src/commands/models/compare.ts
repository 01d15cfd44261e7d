import type { CompareOptions } from "@tripline/model-loop/compare-models/compare-trial";
import { compareTrial } from "@tripline/model-loop/compare-models/compare-trial";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { compareJson, compareText } from "../../models/compare-text.js";
import { lakeOption, tenantOption } from "../lake-options.js";
import { fromOption, requireRange, toOption } from "../replay-options.js";

interface CompareFlags {
  readonly lake: string;
  readonly from: number;
  readonly to: number;
  readonly tenant?: string;
  readonly candidate?: string;
  readonly policy?: string;
  readonly policies?: string;
  readonly json?: true;
}

/** `tripline models compare`: shows what a candidate would decide differently, according to the scores in the lake. */
export function compareCommand(output: CommandOutput): Command {
  return new Command("compare")
    .description(
      "show which decisions the candidate of a rollout would change: payments, cards, amounts and frauds, with confidence " +
        "intervals",
    )
    .addOption(lakeOption())
    .addOption(fromOption())
    .addOption(toOption())
    .addOption(tenantOption())
    .option("--candidate <version>", "candidate version (default: the only one in the range)")
    .option("--policy <file>", "use this policy (default: the version of each decision)")
    .option("--policies <folder>", "also look for those policy versions in this folder, written by `policy pull --all`")
    .option("--json", "print JSON")
    .action(async (flags: CompareFlags) => {
      requireRange(flags);
      const report = await compareTrial(optionsOf(flags));
      output.write(flags.json === true ? compareJson(report) : compareText(report));
    });
}

function optionsOf({
  lake,
  from: fromMs,
  to: toMs,
  tenant,
  candidate,
  policy,
  policies,
}: CompareFlags): CompareOptions {
  return {
    lake,
    fromMs,
    toMs,
    ...(tenant === undefined ? {} : { tenant }),
    ...(candidate === undefined ? {} : { candidate }),
    ...(policy === undefined ? {} : { policyFile: policy }),
    ...(policies === undefined ? {} : { policiesFolder: policies }),
  };
}
