import { writeFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { BacktestOptions } from "@tripline/model-loop/backtest/backtest-policy";
import { backtestPolicy } from "@tripline/model-loop/backtest/backtest-policy";
import type { BacktestLimits } from "@tripline/model-loop/backtest/judge-backtest";
import { judgeBacktest } from "@tripline/model-loop/backtest/judge-backtest";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command, InvalidArgumentError, Option } from "commander";
import { printReport, reportJson } from "../../policy/print-backtest.js";
import { renderReport } from "../../policy/render-backtest.js";
import { labelsByOption, lakeOption, tenantOption, unlabelledOption } from "../lake-options.js";
import { ProgressLine } from "../progress-line.js";
import { registryOption } from "../registry-options.js";
import { fromOption, requireRange, scorecardOption, threadsOption, toOption } from "../replay-options.js";

interface BacktestFlags extends BacktestLimits {
  /** Deprecated: `falsePositiveShareMax`. */
  readonly annoyedShareMax?: number;
  readonly lake: string;
  readonly from: number;
  readonly to: number;
  readonly tenant?: string;
  readonly rule?: string;
  readonly labelsBy: BacktestOptions["labelsBy"];
  readonly unlabelled: BacktestOptions["unlabelled"];
  readonly registry: string;
  readonly scorecard: readonly string[];
  readonly threads: number;
  readonly json?: true;
  readonly html?: string;
}

/** `tripline policy backtest`: shows what a draft would have done with archived payments. */
export function backtestCommand(output: CommandOutput = process.stdout): Command {
  const command = new Command("backtest")
    .description("decide archived payments with a draft policy, and measure the fraud caught and the false positives")
    .argument("<file>", "the draft, for example apps/decisions/policy.yaml")
    .addOption(lakeOption())
    .addOption(fromOption())
    .addOption(toOption())
    .addOption(tenantOption())
    .option("--rule <id>", "report this rule, or a band such as score>=0.6, in detail (default: the whole draft)")
    .addOption(labelsByOption())
    .addOption(unlabelledOption())
    .addOption(registryOption())
    .addOption(scorecardOption())
    .addOption(threadsOption())
    .option("--json", "print JSON")
    .option("--html <file>", "also write an HTML report with plots")
    .addHelpText(
      "after",
      "\nLimits are shares such as 2% or 0.02. Exit code 1 if a limit is exceeded or cannot be evaluated.",
    )
    .action(async (file: string, flags: BacktestFlags) => {
      process.exitCode = await run(file, flags, output);
    });
  for (const [flag, what] of LIMITS) command.option(`--${flag} <share>`, what, parseShare);
  // The former name of --false-positive-share-max, until 0.3.0.
  const former = new Option("--annoyed-share-max <share>").argParser(parseShare).hideHelp();
  return command.addOption(former);
}

const LIMITS = [
  ["decline-share-max", "limit: payments that the draft declines"],
  ["decline-cards-max", "limit: cards with a payment that the draft declines"],
  ["stop-share-max", "limit: payments that the draft does not simply approve"],
  ["hit-share-max", "limit: payments that the rule hits (requires --rule)"],
  ["false-positive-share-max", "limit: genuine payments that the rule hits, or that the draft stops"],
  ["precision-min", "limit: share of frauds among the payments that the rule hits, or that the draft stops"],
  ["recall-min", "limit: known frauds that the rule hits, or that the draft stops"],
] as const;

async function run(policyFile: string, flags: BacktestFlags, output: CommandOutput): Promise<number> {
  requireRange(flags);
  const { lake, registry: registryUrl, from: fromMs, to: toMs, tenant, rule, labelsBy, unlabelled, threads } = flags;
  if (flags.hitShareMax !== undefined && rule === undefined) {
    throw new TriplineError("invalid-field", "--hit-share-max limits a single rule. Specify the rule with --rule.");
  }
  const line = new ProgressLine(process.stderr);
  line.say("reading the versions of the decisions");
  try {
    const report = await backtestPolicy({
      policyFile,
      lake,
      registryUrl,
      fromMs,
      toMs,
      labelsBy,
      unlabelled,
      threads,
      scorecardFiles: flags.scorecard,
      ...(tenant === undefined ? {} : { tenant }),
      ...(rule === undefined ? {} : { part: rule }),
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    const falsePositiveShareMax = flags.falsePositiveShareMax ?? flags.annoyedShareMax;
    const broken = judgeBacktest(report, {
      ...flags,
      ...(falsePositiveShareMax === undefined ? {} : { falsePositiveShareMax }),
    });
    if (flags.html !== undefined) await writeFile(flags.html, renderReport(report, broken));
    output.write(flags.json === true ? reportJson(report, broken) : printReport(report, broken));
    return report.rows > 0 && broken.length === 0 ? 0 : 1;
  } finally {
    line.end();
  }
}

function parseShare(text: string): number {
  const share = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text.trim() !== "" && share >= 0 && share <= 1) return share;
  throw new InvalidArgumentError("It must be a share, such as 2% or 0.02.");
}
