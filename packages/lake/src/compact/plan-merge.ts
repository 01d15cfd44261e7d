/** A file of a day. */
export interface DayFile {
  /** The log entry that added it. */
  readonly sequence: number;
  readonly bytes: number;
}

export interface MergeLimits {
  /** Size of the files that one merge reads, and so about the size of the file that it writes. */
  readonly bytesMax: number;
  /** Files that one merge reads: DuckDB opens all of them at once. */
  readonly filesMax: number;
  /** Fewer files are not worth a merge. */
  readonly filesMin: number;
}

export const MERGE_LIMITS: MergeLimits = { bytesMax: 512 * 1024 ** 2, filesMax: 100, filesMin: 4 };

/** A file of at least this share of the size limit is not merged again: late events would rewrite it each time. */
const FULL_SHARE = 0.5;

/**
 * The files that the next merge of a day reads: the first consecutive ones that are enough to be worth it. Each merge
 * leaves fewer files, so merging again and again ends.
 *
 * @param files all files of the day, ascending
 * @returns empty if the day is compacted
 */
export function planMerge(files: readonly DayFile[], limits: MergeLimits): readonly DayFile[] {
  return groupsOf(files, limits).find((group) => isWorth(group, limits)) ?? [];
}

/** How many files the merges of a day read, as far as its present files tell. */
export function mergeableFiles(files: readonly DayFile[], limits: MergeLimits): number {
  return groupsOf(files, limits).reduce((sum, group) => sum + (isWorth(group, limits) ? group.length : 0), 0);
}

function isWorth(group: readonly DayFile[], { filesMin }: MergeLimits): boolean {
  return group.length >= Math.max(2, filesMin);
}

/** Consecutive files up to the limits, without full ones. */
function groupsOf(files: readonly DayFile[], { bytesMax, filesMax }: MergeLimits): DayFile[][] {
  const groups: DayFile[][] = [];
  let group: DayFile[] = [];
  let bytes = 0;
  const end = () => {
    groups.push(group);
    group = [];
    bytes = 0;
  };
  for (const file of files) {
    const isFull = file.bytes >= FULL_SHARE * bytesMax;
    if (isFull || group.length === filesMax || bytes + file.bytes > bytesMax) end();
    if (isFull) continue;
    group.push(file);
    bytes += file.bytes;
  }
  end();
  return groups;
}
