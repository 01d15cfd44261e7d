import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import { table } from "../../models/table.js";
import type { ConsoleFlags } from "./console-options.js";
import { consoleCommand, openConsole, queryOf } from "./console-options.js";

interface ReconcileFlags extends ConsoleFlags {
  readonly file?: string;
  readonly from?: string;
  readonly to?: string;
}

const reconciliation = z.object({
  lines: z.array(
    z.object({
      file: z.string(),
      kind: z.string(),
      currency: z.string(),
      reports: z.number(),
      matched: z.number(),
      unmatched: z.number(),
      duplicates: z.number(),
      amountDiffers: z.number(),
      amountMinor: z.number(),
    }),
  ),
});
type Line = z.infer<typeof reconciliation>["lines"][number];

const DAYS = 30;
const DAY_MS = 86_400_000;
const HEAD = ["file", "kind", "currency", "reports", "matched", "unmatched", "duplicate", "amount differs", "amount"];

/** Creates `tripline reports reconcile`. */
export function reconcileCommand(output: CommandOutput): Command {
  return consoleCommand(
    "reconcile",
    "compare fraud reports with payments: matched, unmatched, duplicate, amount differs",
  )
    .option("--file <name>", "only reports of this file, as named in the import")
    .option("--from <day>", `reported on or after this day, in UTC (default: ${DAYS} days ago, or all with --file)`)
    .option("--to <day>", "reported on or before this day (default: today)")
    .addHelpText(
      "after",
      "\nAmounts are in minor units. Exit code 1 if a report is unmatched, a duplicate, or has another amount.",
    )
    .action(async ({ file, from, to, ...flags }: ReconcileFlags) => {
      const client = await openConsole(flags);
      const query = queryOf({ file, ...periodOf({ file, from, to }) });
      const { lines } = reconciliation.parse(await client.call("GET", "/v1/fraud-reports/reconciliation", { query }));
      if (flags.json === true) output.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      else output.write(lines.length === 0 ? "No reports.\n" : table([HEAD, ...lines.map(cellsOf), totalOf(lines)]));
      process.exitCode = lines.some(isDifferent) ? 1 : 0;
    });
}

function periodOf({ file, from, to }: Pick<ReconcileFlags, "file" | "from" | "to">) {
  if (file !== undefined && from === undefined && to === undefined) return {};
  const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, "2026-11-30".length);
  const last = to ?? day(Date.now());
  return { from: from ?? day(Date.parse(last) - (DAYS - 1) * DAY_MS), to: last };
}

const isDifferent = ({ unmatched, duplicates, amountDiffers }: Line): boolean =>
  unmatched + duplicates + amountDiffers > 0;

function cellsOf({ file, kind, currency, amountMinor, ...line }: Line): string[] {
  const counts = [line.reports, line.matched, line.unmatched, line.duplicates, line.amountDiffers, amountMinor];
  return [file === "" ? "-" : file, kind, currency === "" ? "-" : currency, ...counts.map(String)];
}

/** Amounts are not added up, because the lines may have different currencies. */
function totalOf(lines: readonly Line[]): string[] {
  const counts = ["reports", "matched", "unmatched", "duplicates", "amountDiffers"] as const;
  return ["total", "", "", ...counts.map((name) => String(lines.reduce((sum, line) => sum + line[name], 0)))];
}
