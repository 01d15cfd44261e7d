import { formatShare } from "@tripline/decision-engine/format-value";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import { table } from "../../models/table.js";
import type { ConsoleFlags } from "./console-options.js";
import { consoleCommand, openConsole, queryOf } from "./console-options.js";

interface RatioFlags extends ConsoleFlags {
  readonly month: string;
  readonly merchant?: string;
}

const shownRatios = z.object({
  isComplete: z.boolean(),
  isCut: z.boolean(),
  lines: z.array(
    z.looseObject({
      merchantId: z.string().nullable(),
      scheme: z.string(),
      settled: z.number(),
      chargebacks: z.number(),
      fraudNotices: z.number(),
      ratio: z.number().nullable(),
      programs: z.array(z.looseObject({ program: z.string(), level: z.string(), state: z.string() })),
    }),
  ),
});
type Line = z.infer<typeof shownRatios>["lines"][number];

const HEAD = ["merchant", "scheme", "settled", "chargebacks", "TC40, SAFE", "ratio", "thresholds"];

/** Creates `tripline reports ratios`. */
export function ratiosCommand(output: CommandOutput): Command {
  return consoleCommand(
    "ratios",
    "show a month's chargebacks divided by settled payments, with the card schemes' thresholds",
  )
    .option("--month <month>", "calendar month in UTC", new Date().toISOString().slice(0, "2026-11".length))
    .option("--merchant <id>", "only this merchant, in addition to all merchants together")
    .action(async ({ month, merchant, ...flags }: RatioFlags) => {
      const client = await openConsole(flags);
      const answer = await client.call("GET", "/v1/fraud-reports/ratios", { query: queryOf({ month, merchant }) });
      const { lines, isComplete, isCut } = shownRatios.parse(answer);
      if (flags.json === true) {
        output.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
        return;
      }
      output.write(table([HEAD, ...lines.map(cellsOf)]));
      if (!isComplete)
        output.write(
          "Some data about this month's payments or reports is not stored, so there are no ratios for it.\n",
        );
      if (isCut) output.write("Only the merchants with the most reports are shown.\n");
    });
}

function cellsOf({ merchantId, scheme, settled, chargebacks, fraudNotices, ratio, programs }: Line): string[] {
  const merchant = merchantId === null ? "all merchants" : merchantId || "no merchant ID";
  const states = programs.map(({ program, level, state }) => `${program} ${level}: ${state}`).join(", ");
  const share = ratio === null ? "not enough data" : formatShare(ratio);
  return [merchant, scheme, ...[settled, chargebacks, fraudNotices].map(String), share, states || "-"];
}
