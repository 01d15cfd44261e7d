import { isClosed, isDueDay } from "@tripline/lake/compact/closed-days";
import type { DayOfTopic } from "@tripline/lake/compact/compact-lake";
import { readDays } from "@tripline/lake/compact/compact-lake";
import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { readCompactionRun } from "@tripline/lake/compact/compaction-run";
import { countRows } from "@tripline/lake/compact/count-rows";
import { MERGE_LIMITS } from "@tripline/lake/compact/plan-merge";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { table } from "../../models/table.js";
import { wholeNumber } from "../number-options.js";
import type { LakeFlags } from "./lake-flags.js";
import { lakeOf, sizeText, withLakeFlags } from "./lake-flags.js";

interface StatusFlags extends LakeFlags {
  readonly last: number;
}

const DAY_MS = 86_400_000;
const LAST_DEFAULT = 31;

/** `tripline lake status`: lists the files of each topic and day, and those that still need to be compacted. */
export function statusCommand(output: CommandOutput = process.stdout, nowMs: () => number = Date.now): Command {
  return withLakeFlags(new Command("status"))
    .description(
      "show files, bytes and rows per topic and day, the days that have too many files, and the last compaction",
    )
    .option("--last <days>", "only this many recent days; 0: all", wholeNumber, LAST_DEFAULT)
    .action(async (flags: StatusFlags) => {
      output.write(await statusText(flags, nowMs()));
    });
}

async function statusText(flags: StatusFlags, nowMs: number): Promise<string> {
  const lake = lakeOf(flags);
  const disk = await openDisk(lake);
  const { topic, day: only, last } = flags;
  const first = last === 0 ? "" : new Date(nowMs - last * DAY_MS).toISOString().slice(0, 10);
  const days = await readDays({
    disk,
    lake,
    limits: MERGE_LIMITS,
    topics: topic === undefined ? undefined : [topic],
    isWanted: (day) => (only === undefined ? day >= first : day === only),
  });
  const lines: string[][] = [["topic", "day", "files", "size", "rows", "compaction"]];
  const rowsByDay = await countRows(disk, lake, days);
  for (const [index, found] of days.entries()) {
    const rows = rowsByDay[index]?.toLocaleString("en") ?? "unknown";
    const files = found.files.length.toLocaleString("en");
    lines.push([found.topic, found.day, files, sizeText(found.bytes), rows, stateOf(found, nowMs)]);
  }
  const files = sum(days, (found) => found.files.length);
  const todo = days.filter(({ day, mergeable }) => mergeable > 0 && isClosed(day, nowMs));
  const counts = `files=${files} bytes=${sum(days, ({ bytes }) => bytes)} days_to_compact=${todo.length}`;
  return `${table(lines)}\n${lastText(await readCompactionRun(disk, lake))}\nlake status: ${counts}\n`;
}

function stateOf({ day, mergeable }: DayOfTopic, nowMs: number): string {
  if (!isClosed(day, nowMs)) return "after the day has ended";
  if (mergeable === 0) return "done";
  const what = `${mergeable.toLocaleString("en")} files to merge`;
  return isDueDay(day, nowMs) ? what : `${what}, but only with \`tripline lake compact\``;
}

function lastText(run: CompactionRun | null): string {
  if (run === null) return "last compaction: none";
  const { ended_at, failure, days, files, merged, days_left } = run;
  const did = files === 0 ? "nothing to merge" : `${files} files of ${days} days merged into ${merged}`;
  const left = days_left === 0 ? "" : `, ${days_left} days left`;
  return `last compaction: ${ended_at}, ${did}${left}${failure === null ? "" : `. Failed: ${failure}`}`;
}

function sum(days: readonly DayOfTopic[], of: (day: DayOfTopic) => number): number {
  return days.reduce((total, day) => total + of(day), 0);
}
