import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Inspection } from "@tripline/backfill/mapping/inspect-file";
import { inspectFile } from "@tripline/backfill/mapping/inspect-file";
import { Command } from "commander";

interface InspectFlags {
  readonly output?: string;
  readonly force?: boolean;
}

/** `tripline data inspect <file>`: proposes a mapping. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("propose a mapping for a file of payments: CSV (plain, .gz, .zst), Parquet or NDJSON")
    .argument("<file>", "the payments")
    .option("--output <file>", "where to write the mapping (default: mapping.yaml next to the file)")
    .option("--force", "replace an existing mapping")
    .action(async function (this: Command, file: string, flags: InspectFlags) {
      const output = flags.output ?? join(dirname(file), "mapping.yaml");
      if (existsSync(output) && flags.force !== true) {
        this.error(`error: ${output} exists already. Choose another name with --output, or replace it with --force.`);
      }
      const inspection = await inspectFile(file, dirname(output));
      await writeFile(output, inspection.yaml);
      process.stdout.write(`${report(inspection, output)}\n`);
    });
}

function report({ columns, fields, notes, unmapped, unused }: Inspection, output: string): string {
  const mapped = Object.entries(fields).flatMap(([name, { column }]) =>
    typeof column === "string" ? [`  ${name.padEnd(20)} ${column}`] : [],
  );
  return [
    `${output}: ${mapped.length} fields from ${columns.length} columns`,
    ...mapped,
    ...(notes.length === 0 ? [] : ["Please check:", ...notes.map((note) => `  ${note}`)]),
    ...(unmapped.length === 0 ? [] : [`Fields without a column: ${unmapped.join(", ")}`]),
    ...(unused.length === 0 ? [] : [`Unused columns: ${unused.join(", ")}`]),
    `Next: npx tripline data check --map ${output}`,
  ].join("\n");
}
