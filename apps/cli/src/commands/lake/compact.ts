import { isClosed } from "@tripline/lake/compact/closed-days";
import type { Compaction } from "@tripline/lake/compact/compact-lake";
import { compactLake } from "@tripline/lake/compact/compact-lake";
import { noteCompactionRun } from "@tripline/lake/compact/compaction-run";
import { MERGE_LIMITS } from "@tripline/lake/compact/plan-merge";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { ProgressLine } from "../progress-line.js";
import type { LakeFlags } from "./lake-flags.js";
import { lakeOf, sizeText, withLakeFlags } from "./lake-flags.js";

/** An operator's compaction merges as few as two files. */
const LIMITS = { ...MERGE_LIMITS, filesMin: 2 };
const PERCENT = 100;

/** `tripline lake compact`: merges small files immediately, including those of old days. */
export function compactCommand(output: CommandOutput = process.stdout, nowMs: () => number = Date.now): Command {
  return withLakeFlags(new Command("compact"))
    .description(
      "merge the small files of closed days into larger ones while the archive service writes; with --day, also those of the " +
        "current day",
    )
    .action(async (flags: LakeFlags) => {
      const { days, files, merged, rows, daysLeft, failure } = await compact(flags, output, nowMs());
      const counts = `days=${days} files=${files} merged=${merged} rows=${rows} days_left=${daysLeft}`;
      output.write(files === 0 && failure === null ? "lake compact: nothing to do\n" : `lake compact: ${counts}\n`);
      if (failure === null) return;
      process.stderr.write(`${failure}\n`);
      process.exitCode = 1;
    });
}

async function compact(flags: LakeFlags, output: CommandOutput, nowMs: number): Promise<Compaction> {
  const lake = lakeOf(flags);
  const { topic, day: only } = flags;
  const startedAtMs = Date.now();
  const disk = await openDisk(lake);
  const progress = new ProgressLine(output);
  const result = await compactLake({
    disk,
    lake,
    limits: LIMITS,
    topics: topic === undefined ? undefined : [topic],
    isWanted: (day) => (only === undefined ? isClosed(day, nowMs) : day === only),
    onMerge: ({ topic: name, day, doneBytes, totalBytes }) => {
      const percent = Math.floor((PERCENT * doneBytes) / totalBytes);
      progress.say(`${percent} % of ${sizeText(totalBytes)}: ${name}, ${day}`);
    },
  });
  progress.end();
  const { daysLeft, ...counts } = result;
  const ended = { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs };
  // Only a complete compaction is recorded, because the record of a partial one would hide the days that are left
  // elsewhere.
  if (topic === undefined && only === undefined)
    await noteCompactionRun(disk, lake, { ...ended, ...counts, days_left: daysLeft });
  return result;
}
