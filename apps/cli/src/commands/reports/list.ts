import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Option } from "commander";
import { z } from "zod";
import { table } from "../../models/table.js";
import { wholeNumber } from "../number-options.js";
import type { ConsoleFlags } from "./console-options.js";
import { consoleCommand, openConsole, queryOf } from "./console-options.js";

interface ListFlags extends ConsoleFlags {
  readonly state: string;
  readonly limit: number;
}

const page = z.object({
  reports: z.array(
    z.looseObject({
      reportId: z.string(),
      version: z.number(),
      kind: z.string(),
      state: z.string(),
      amountMinor: z.number().nullable(),
      currency: z.string(),
      occurredAtMs: z.number(),
      acquirerReference: z.string(),
      file: z.string(),
    }),
  ),
  next: z.string().nullable(),
});
type Report = z.infer<typeof page>["reports"][number];

const PAGE = 200;
const HEAD = ["report", "version", "kind", "state", "amount", "paid", "ARN", "file"];

/** Creates `tripline reports list`. */
export function listCommand(output: CommandOutput): Command {
  return consoleCommand("list", "list fraud reports whose payment is unknown, oldest first")
    .addOption(
      new Option(
        "--state <state>",
        "ambiguous: several payments match; waiting: still searched for; expired: no longer searched for",
      )
        .choices(["ambiguous", "waiting", "expired"])
        .default("ambiguous"),
    )
    .addOption(new Option("--limit <count>", "maximum number of reports").argParser(wholeNumber).default(PAGE))
    .action(async ({ state, limit, ...flags }: ListFlags) => {
      const client = await openConsole(flags);
      const rows: string[][] = [];
      let left = limit;
      let after: string | undefined;
      do {
        const query = queryOf({ state, limit: Math.min(left, PAGE), after });
        const { reports, next } = page.parse(await client.call("GET", "/v1/fraud-reports/unmatched", { query }));
        if (flags.json === true) output.write(reports.map((one) => `${JSON.stringify(one)}\n`).join(""));
        rows.push(...reports.map(cellsOf));
        left -= reports.length;
        after = next ?? undefined;
      } while (after !== undefined && left > 0);
      if (flags.json !== true) output.write(rows.length === 0 ? `No ${state} reports.\n` : table([HEAD, ...rows]));
    });
}

function cellsOf(report: Report): string[] {
  const { reportId, version, kind, state, amountMinor, currency, occurredAtMs, acquirerReference, file } = report;
  const amount = amountMinor === null ? "-" : `${amountMinor} ${currency}`;
  const paid = new Date(occurredAtMs).toISOString();
  return [reportId, String(version), kind, state, amount, paid, ...[acquirerReference, file].map((one) => one || "-")];
}
