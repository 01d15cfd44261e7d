import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { readMappingText } from "@tripline/backfill/mapping/mapping";
import type { TokenKey } from "@tripline/backfill/mapping/tokenise-values";
import { keyFingerprint } from "@tripline/backfill/mapping/tokenise-values";
import { ReportFile } from "@tripline/backfill/reports/report-file";
import { parseReportMapping } from "@tripline/backfill/reports/report-mapping";
import { TriplineClient } from "@tripline/client";
import { localSecret } from "@tripline/system/client/find-access";
import type { CommandOutput } from "@tripline/system/command-output";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { Command } from "commander";
import { cardTokenKeyOption, OF_DEMO } from "../data/map-options.js";
import type { TokenFlags } from "../operate/token.js";
import { ingestionOptions, openIngestion } from "../operate/token.js";
import { ProgressLine } from "../progress-line.js";
import { sendReports } from "./send-reports.js";

interface ImportFlags extends TokenFlags {
  readonly map: string;
  readonly tenant?: string;
  readonly cardTokenKey?: Buffer;
}

const HOUR_MS = 3_600_000;

/** Creates `tripline reports import`. */
export function importCommand(output: CommandOutput): Command {
  const command = new Command("import")
    .description("send the fraud reports in a file (CSV, NDJSON or Parquet), with tokens instead of card numbers")
    .argument("<file>", "a TC40, SAFE or chargeback file; CSV and NDJSON may be compressed (.gz, .zst)")
    .requiredOption("--map <file>", "mapping.yaml that assigns the file's columns to the fields of a report")
    .addOption(cardTokenKeyOption(OF_DEMO))
    .option("--tenant <name>", `the client's tenant, for computing tokens (default: that of the demo, ${DEMO_TENANT})`);
  return ingestionOptions(command)
    .addHelpText(
      "after",
      "\nRejected rows are written to <file>.rejects.ndjson. An interrupted import resumes when restarted. You can safely\nimport " +
        "a file again, because its own IDs identify the reports.",
    )
    .action(async (path: string, flags: ImportFlags) => importFile(resolve(path), flags, output));
}

async function importFile(path: string, flags: ImportFlags, output: CommandOutput): Promise<void> {
  const startedAt = performance.now();
  const mapping = parseReportMapping(await readMappingText(flags.map), flags.map, path);
  const { url, tokens } = await openIngestion(flags);
  const client = new TriplineClient({ url, credentials: () => tokens.authorization(), timeoutMs: HOUR_MS });
  const line = new ProgressLine(process.stderr);
  line.say(`Reading ${path}`);
  const key = await tokenKey(url, flags);
  const file = await ReportFile.open(mapping, key);
  try {
    const { rows, accepted: total, rejected } = file.mapped;
    const progressPath = `${path}.progress.json`;
    const sent = await sendReports(file, client, {
      progressPath,
      content: await importOf(path, [mapping.rows.text, url, key.tenant, keyFingerprint(key.key)]),
      onProgress: (doneEvents) => line.update({ doneEvents, totalEvents: total }),
    });
    line.end();
    const rejectsPath = `${path}.rejects.ndjson`;
    await file.writeRejects(sent.rejected, rejectsPath);
    await rm(progressPath, { force: true });
    const refused = rows - total + sent.rejected.length;
    const count = (value: number): string => value.toLocaleString("en");
    output.write(
      `${path}: ${count(rows)} rows, ${count(sent.accepted)} reports sent, ${count(refused)} rows rejected\n`,
    );
    for (const { reason, rows: some } of rejected) output.write(`  ${count(some)}: ${reason}\n`);
    if (refused === 0) await rm(rejectsPath, { force: true });
    else output.write(`  the rejected rows are in ${rejectsPath}\n`);
    output.write(`in ${((performance.now() - startedAt) / 1e3).toFixed(1)} s\n`);
    if (sent.accepted === 0 && refused > 0) process.exitCode = 1;
  } finally {
    await file.close();
  }
}

/**
 * Returns the key and the tenant for card tokens. They have defaults only for the demo's own client, whose credentials
 * no other system accepts.
 */
async function tokenKey(url: string, { cardTokenKey, tenant, workspace }: ImportFlags): Promise<TokenKey> {
  const isDemoClient = process.env.CLIENT_ID === undefined;
  const local = isDemoClient ? await localSecret(url, workspace, "cardTokenKey") : undefined;
  if (local === undefined && (cardTokenKey === undefined || tenant === undefined)) {
    throw new Error(
      `Specify --card-token-key and --tenant for ${url}, so that the tokens match those of the payments.`,
    );
  }
  return { key: cardTokenKey ?? Buffer.from(local ?? "", "base64"), tenant: tenant ?? DEMO_TENANT };
}

/** Identifies an import by its mapping, its receiver, and its file, which is not read again. */
async function importOf(path: string, settings: readonly string[]): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return createHash("sha256")
    .update(JSON.stringify([path, size, mtimeMs, ...settings]))
    .digest("hex");
}
