import { csvCell } from "@tripline/contracts/text/csv-cell";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Option } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { kindOption } from "./list-options.js";
import type { ShownEntry } from "./read-entries.js";
import { readEntries } from "./read-entries.js";

interface ExportFlags extends ControlFlags {
  readonly list?: string;
  readonly kind?: string;
  readonly format: "ndjson" | "csv";
}

const COLUMNS = ["list", "effect", "kind", "value", "reason", "author", "created_at", "expires_at"] as const;

export function exportCommand(output: CommandOutput): Command {
  return controlCommand("export", "print all entries in a format that `import` accepts")
    .option("--list <name>", "only this list")
    .addOption(kindOption("only this kind"))
    .addOption(new Option("--format <format>", "output format").choices(["ndjson", "csv"]).default("ndjson"))
    .action(async (flags: ExportFlags) => {
      const client = await openControl(flags);
      if (flags.format === "csv") output.write(`${COLUMNS.join(",")}\n`);
      for await (const entry of readEntries(client, flags, Number.POSITIVE_INFINITY)) {
        output.write(`${flags.format === "csv" ? csvLine(entry) : JSON.stringify(entry)}\n`);
      }
    });
}

/** The CSV line of an entry. */
export function csvLine(entry: ShownEntry): string {
  return COLUMNS.map((column) => csvCell(entry[column] ?? "")).join(",");
}
