import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Declaration } from "@tripline/backfill/mapping/declare-field";
import { addField, DECLARED_TYPES } from "@tripline/backfill/mapping/declare-field";
import type { Inspection } from "@tripline/backfill/mapping/inspect-file";
import { inspectFile } from "@tripline/backfill/mapping/inspect-file";
import { GENERATE } from "@tripline/backfill/mapping/mapping";
import { Command, InvalidArgumentError } from "commander";
import { PAYMENT_FIELDS } from "./map-options.js";

interface InspectFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly declare: readonly Declaration[];
}

/** `tripline data inspect <file>`: proposes a mapping. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("propose a mapping for a file of payments: CSV (plain, .gz, .zst), Parquet or NDJSON")
    .argument("<file>", "the payments")
    .option("--output <file>", "where to write the mapping (default: mapping.yaml next to the file)")
    .option("--force", "replace an existing mapping")
    .option(
      "--declare <column:type>",
      `make a column a new payment field in payment.yaml (repeatable; types: ${DECLARED_TYPES.join(", ")})`,
      addDeclaration,
      [],
    )
    .action(async function (this: Command, file: string, flags: InspectFlags) {
      const output = flags.output ?? join(dirname(file), "mapping.yaml");
      if (existsSync(output) && flags.force !== true) {
        this.error(`error: ${output} already exists. Choose another name with --output, or replace it with --force.`);
      }
      if (flags.declare.length > 0 && !existsSync(PAYMENT_FIELDS)) {
        this.error("error: --declare edits packages/contracts/payment.yaml, so run it in a copy of the repository.");
      }
      const inspection = await inspectFile(file, dirname(output), flags.declare);
      if (inspection.declared.length > 0) {
        const definition = await readFile(PAYMENT_FIELDS, "utf8");
        await writeFile(PAYMENT_FIELDS, inspection.declared.reduce(addField, definition));
      }
      await writeFile(output, inspection.yaml);
      process.stdout.write(`${report(inspection, output)}\n`);
    });
}

function addDeclaration(text: string, before: readonly Declaration[]): Declaration[] {
  const [, column = "", given] = /^(.+):(.+)$/.exec(text) ?? [];
  const type = DECLARED_TYPES.find((known) => known === given);
  if (type === undefined) {
    throw new InvalidArgumentError(`Use a column and one of ${DECLARED_TYPES.join(", ")}, such as category:enum.`);
  }
  return [...before, { column, type }];
}

function report({ columns, declared, fields, notes, unmapped, unused }: Inspection, output: string): string {
  const mapped = Object.entries(fields).flatMap(([name, { column }]) =>
    typeof column === "string" ? [`  ${name.padEnd(20)} ${column}`] : [],
  );
  return [
    `${output}: ${mapped.length} fields from ${columns.length} columns`,
    ...mapped,
    ...(notes.length === 0 ? [] : ["Please check:", ...notes.map((note) => `  ${note}`)]),
    ...(unmapped.length === 0 ? [] : [`Fields without a column: ${unmapped.join(", ")}`]),
    ...(unused.length === 0 ? [] : [`Unused columns: ${unused.join(", ")}`]),
    ...(declared.length === 0 ? [] : declaredLines(declared)),
    `Next: npx tripline data check --map ${output}`,
  ].join("\n");
}

function declaredLines(declared: Inspection["declared"]): string[] {
  return [
    `New payment fields, see ${PAYMENT_FIELDS}: ${declared.map(({ name }) => name).join(", ")}`,
    `First check their titles, descriptions and data classes, then run: ${GENERATE}`,
  ];
}
