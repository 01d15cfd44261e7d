import { randomBytes } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { dayFolder, filePath, sequenceOfFile, stagedDayPrefix } from "../lake-layout.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { validSequences } from "../log/list-files.js";
import type { TopicLog } from "../log/topic-log.js";
import type { Merger } from "./file-merger.js";
import type { DayFile, MergeLimits } from "./plan-merge.js";
import { planMerge } from "./plan-merge.js";

/** How many times another compaction of the same day may win the race. */
const OVERTAKEN_MAX = 20;

export interface CompactDayOptions {
  readonly disk: LakeDisk;
  /** The topic's log. */
  readonly log: TopicLog;
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  readonly limits: MergeLimits;
  readonly merger: Merger;
}

/** One merge of files of a day into one. */
export interface Merge {
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
}

/** The files of a day, ascending. Throws TriplineError `lake-unavailable`. */
export async function filesOfDay(disk: LakeDisk, folder: string, day: string): Promise<DayFile[]> {
  const sizes = await disk.sizes(dayFolder(folder, day));
  const valid = new Set(validSequences(sizes.keys()));
  return [...sizes]
    .map(([name, bytes]) => ({ sequence: sequenceOfFile(name) ?? 0, bytes }))
    .filter(({ sequence }) => valid.has(sequence))
    .sort((one, other) => one.sequence - other.sequence);
}

/**
 * Merges the small files of a day into larger ones, with one log entry per merge, and yields after each. It may run
 * while the archive service writes, and may be killed at any point, which leaves the rows of a merge either unchanged
 * or merged. Late events create new files. Readers of a replaced file must list the day again.
 *
 * @throws TriplineError `lake-unavailable`, `state-unreadable`; `state-conflict` if other compactions of the day always
 *   win
 */
export async function* compactDay(options: CompactDayOptions): AsyncGenerator<Merge> {
  const { disk, log, day, limits } = options;
  for (let overtaken = 0; overtaken < OVERTAKEN_MAX; ) {
    await log.refresh();
    // Files of later entries may be listed even if files of earlier entries are not.
    const files = (await filesOfDay(disk, log.folder, day)).filter(({ sequence }) => sequence <= log.sequence);
    const group = planMerge(files, limits);
    if (group.length === 0) return;
    const merge = await mergeGroup(options, group);
    if (merge === undefined) overtaken += 1;
    else yield merge;
  }
  throw new TriplineError(
    "state-conflict",
    "Other compactions keep changing the files of this day. Run it again later.",
  );
}

/** Undefined if another compaction replaced one of the files. */
async function mergeGroup(options: CompactDayOptions, group: readonly DayFile[]): Promise<Merge | undefined> {
  const { disk, log, day } = options;
  try {
    return await tryMerge(options, group);
  } catch (thrown) {
    // The other compaction may have removed a file that this one was reading, or staged files that can no longer be
    // added.
    const present = new Set((await filesOfDay(disk, log.folder, day)).map(({ sequence }) => sequence));
    if (group.every(({ sequence }) => present.has(sequence))) throw thrown;
    return undefined;
  }
}

async function tryMerge(
  { disk, log, day, merger }: CompactDayOptions,
  group: readonly DayFile[],
): Promise<Merge | undefined> {
  const id = randomBytes(8).toString("hex");
  const prefix = stagedDayPrefix(day, group[0]?.sequence ?? 0, id);
  const staged = `${prefix}.staged`;
  const held = await disk.hold(group.map(({ sequence }) => filePath(log.folder, day, sequence)));
  if (held === undefined) return undefined;
  let rows = 0;
  try {
    await disk.produce(log.stagedPath(staged), async (local) => {
      rows = await merger.merge(held.paths, local);
    });
  } finally {
    await held.release();
  }
  const isAdded = await log.append({
    id,
    prefix,
    ranges: new Map(),
    files: [{ day, staged, rows }],
    replaces: group.map(({ sequence }) => ({ day, sequence })),
  });
  if (!isAdded) return undefined;
  return { files: group.length, rows, bytes: group.reduce((sum, { bytes }) => sum + bytes, 0) };
}
