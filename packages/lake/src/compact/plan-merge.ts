/** A file of a day. */
export interface DayFile {
  /** The log entry that added it. */
  readonly sequence: number;
  readonly bytes: number;
}

export interface MergeLimits {
  /** Maximum total size of the files in a merge, and thus the approximate size of its result. */
  readonly bytesMax: number;
  /** Maximum number of files in a merge, because DuckDB opens all of them at once. */
  readonly filesMax: number;
  /** Minimum number of files for which a merge is worthwhile. */
  readonly filesMin: number;
}

export const MERGE_LIMITS: MergeLimits = { bytesMax: 512 * 1024 ** 2, filesMax: 100, filesMin: 4 };

/**
 * A file that has at least this share of the size limit is not merged again, because late events would otherwise
 * rewrite it each time.
 */
const FULL_SHARE = 0.5;

/**
 * The files for the next merge of a day: the first consecutive files that are worth merging. Each merge reduces the
 * number of files, so repeated merging comes to an end.
 *
 * @param files all files of the day, in ascending order
 * @returns empty if the day is compacted
 */
export function planMerge(files: readonly DayFile[], limits: MergeLimits): readonly DayFile[] {
  return groupsOf(files, limits).find((group) => isWorth(group, limits)) ?? [];
}

/** Number of files that merges of the day would read, based on its current files. */
export function mergeableFiles(files: readonly DayFile[], limits: MergeLimits): number {
  return groupsOf(files, limits).reduce((sum, group) => sum + (isWorth(group, limits) ? group.length : 0), 0);
}

function isWorth(group: readonly DayFile[], { filesMin }: MergeLimits): boolean {
  return group.length >= Math.max(2, filesMin);
}

/** Consecutive files within the limits, excluding those that are large enough. */
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
