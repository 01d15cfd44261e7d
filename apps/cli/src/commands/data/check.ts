import { rm } from "node:fs/promises";
import type { CheckedFile } from "@tripline/backfill/mapping/check-file";
import { checkFile } from "@tripline/backfill/mapping/check-file";
import type { MissingInput } from "@tripline/backfill/mapping/missing-features";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { Command } from "commander";
import { cardTokenKeyOption, installationKey, mapOption, OF_DEMO, openMapping } from "./map-options.js";

interface CheckFlags {
  readonly map: string;
  readonly rejects?: string;
  readonly cardTokenKey?: Buffer;
  readonly tenant: string;
}

/** `tripline data check`: reads a file through its mapping and reports the result. */
export function checkCommand(): Command {
  return new Command("check")
    .description(
      "read your payments through a mapping, and report rejected rows with reasons, times, fraud share and missing features",
    )
    .addOption(mapOption().makeOptionMandatory())
    .option("--rejects <file>", "where to write rejected rows (default: <mapping>.rejects.ndjson)")
    .addOption(cardTokenKeyOption(OF_DEMO))
    .option("--tenant <name>", "the tenant of the payments", DEMO_TENANT)
    .action(async (flags: CheckFlags) => {
      const { mapping, rejectsPath } = await openMapping(flags.map);
      const path = flags.rejects ?? rejectsPath;
      const before = process.cpuUsage();
      const startedAt = performance.now();
      const key = installationKey(flags.cardTokenKey);
      const file = await checkFile({
        mapping,
        key,
        tenant: flags.tenant,
        spec: currentFeatureSpec(),
        rejectsPath: path,
      });
      const used = process.cpuUsage(before);
      const cpuSeconds = (used.user + used.system) / 1e6;
      const hasRejects = file.accepted < file.rows;
      if (!hasRejects) await rm(path, { force: true });
      const speed = `${Math.round(file.rows / cpuSeconds).toLocaleString("en")} rows per second and core`;
      process.stdout.write(
        `${describe(file, mapping.file, hasRejects ? path : undefined)}\nread in ${((performance.now() - startedAt) / 1e3).toFixed(1)} s, ${speed}\n`,
      );
      if (file.accepted === 0) process.exitCode = 1;
    });
}

const count = (value: number): string => value.toLocaleString("en");
const timeOf = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");

/** The output of `data check`. */
export function describe(file: CheckedFile, path: string, rejectsPath: string | undefined): string {
  const { rows, accepted, rejected, repeated, firstMs, lastMs, labelled, frauds, unusedColumns } = file;
  const lines = [`${path}: ${count(rows)} rows, ${count(accepted)} accepted, ${count(rows - accepted)} rejected`];
  for (const { reason, rows: some } of rejected) lines.push(`  ${count(some)}: ${reason}`);
  if (rejectsPath !== undefined) lines.push(`  the rejected rows are in ${rejectsPath}`);
  if (repeated > 0)
    lines.push(
      `duplicates: ${count(repeated)} rows have the same card, amount and time as an earlier row; all are used`,
    );
  if (firstMs !== undefined && lastMs !== undefined) lines.push(`time: ${timeOf(firstMs)} to ${timeOf(lastMs)}`);
  const share = labelled === 0 ? "" : `, of which ${count(frauds)} fraud (${((frauds / labelled) * 100).toFixed(2)} %)`;
  lines.push(`labels: ${count(labelled)}${share}; ${count(accepted - labelled)} payments have none`);
  lines.push(...missingLines(file.missing));
  if (unusedColumns.length > 0) lines.push(`unused columns: ${unusedColumns.join(", ")}`);
  return lines.join("\n");
}

function missingLines(missing: readonly MissingInput[]): string[] {
  if (missing.length === 0) return ["features: all have the input that they need"];
  return [
    "features without the input that they need, which a model cannot use:",
    ...missing.map(({ lacks, features }) => `  without ${lacks.join(", ")}: ${features.join(", ")}`),
  ];
}
