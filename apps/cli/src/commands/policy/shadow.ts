import { writeFile } from "node:fs/promises";
import type { ShadowOptions } from "@tripline/model-loop/backtest/report-shadow";
import { reportShadow } from "@tripline/model-loop/backtest/report-shadow";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { printReport, reportJson } from "../../policy/print-backtest.js";
import { renderReport } from "../../policy/render-backtest.js";
import { labelsByOption, lakeOption, tenantOption, unlabelledOption } from "../lake-options.js";
import { ProgressLine } from "../progress-line.js";
import { fromOption, requireRange, toOption } from "../replay-options.js";

interface ShadowFlags extends Pick<ShadowOptions, "labelsBy" | "unlabelled"> {
  readonly lake: string;
  readonly from: number;
  readonly to: number;
  readonly tenant?: string;
  readonly rule?: string;
  readonly json?: true;
  readonly html?: string;
}

/** `tripline policy shadow`: shows what shadow rules would have done with the payments they saw. */
export function shadowCommand(output: CommandOutput): Command {
  return new Command("shadow")
    .description("count what shadow rules would have done in addition to the actual decisions")
    .addOption(lakeOption())
    .addOption(fromOption())
    .addOption(toOption())
    .addOption(tenantOption())
    .option("--rule <id>", "report this rule in detail (default: all shadow rules)")
    .addOption(labelsByOption())
    .addOption(unlabelledOption())
    .option("--json", "print JSON")
    .option("--html <file>", "also write an HTML report with plots")
    .action((flags: ShadowFlags) => run(flags, output));
}

async function run(flags: ShadowFlags, output: CommandOutput): Promise<void> {
  requireRange(flags);
  const { lake, from: fromMs, to: toMs, tenant, rule, labelsBy, unlabelled } = flags;
  const line = new ProgressLine(process.stderr);
  line.say("reading shadow rules");
  try {
    const report = await reportShadow({
      lake,
      fromMs,
      toMs,
      labelsBy,
      unlabelled,
      ...(tenant === undefined ? {} : { tenant }),
      ...(rule === undefined ? {} : { part: rule }),
      onProgress: (progress) => line.update(progress),
    });
    line.end();
    if (flags.html !== undefined) await writeFile(flags.html, renderReport(report));
    output.write(flags.json === true ? reportJson(report) : printReport(report));
  } finally {
    line.end();
  }
}
