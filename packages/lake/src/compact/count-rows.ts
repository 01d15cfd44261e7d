import { topicFolder } from "../lake-layout.js";
import { readCheckpoint } from "../log/checkpoint.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { readEntries } from "../log/read-log.js";

/** The files of one topic and day. */
interface CountedDay {
  readonly topic: string;
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  /** Each with the number of the log entry that added it. */
  readonly files: readonly { readonly sequence: number }[];
}

/**
 * Number of rows in the files of each day according to the log. Reads one checkpoint per topic, and the log entries of
 * files that are not in the checkpoint, but no data files.
 *
 * @returns in the order of the days; undefined for a day if an entry is missing
 * @throws TriplineError `lake-unavailable`, `state-unreadable`
 */
export async function countRows(
  disk: LakeDisk,
  lake: string,
  days: readonly CountedDay[],
): Promise<readonly (number | undefined)[]> {
  const counted = new Map<CountedDay, number | undefined>();
  for (const [topic, ofTopic] of Map.groupBy(days, ({ topic: name }) => name)) {
    await countTopic(disk, topicFolder(lake, topic), ofTopic, counted);
  }
  return days.map((day) => counted.get(day));
}

async function countTopic(
  disk: LakeDisk,
  folder: string,
  days: readonly CountedDay[],
  counted: Map<CountedDay, number | undefined>,
): Promise<void> {
  const { files: known } = await readCheckpoint(disk, folder);
  const rows = new Map(days.map(({ day }) => [day, new Map(known[day])]));
  const isUnknown = ({ day, sequence }: { day: string; sequence: number }) =>
    rows.get(day)?.get(sequence) === undefined;
  const files = days.flatMap((day) => day.files.map(({ sequence }) => ({ day: day.day, sequence })));
  // An entry may have added files of several days.
  const todo = new Set(files.filter(isUnknown).map(({ sequence }) => sequence));
  await readEntries(disk, folder, todo, (sequence, entry) => {
    for (const added of entry.files) rows.get(added.day)?.set(sequence, added.rows);
  });
  for (const day of days) counted.set(day, sumOf(day, rows.get(day.day)));
}

function sumOf({ files }: CountedDay, rows: ReadonlyMap<number, number> | undefined): number | undefined {
  let sum = 0;
  for (const { sequence } of files) {
    const ofFile = rows?.get(sequence);
    if (ofFile === undefined) return undefined;
    sum += ofFile;
  }
  return sum;
}
