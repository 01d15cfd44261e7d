import { topicFolder } from "../lake-layout.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { readEntry } from "../log/read-log.js";
import type { DayOfTopic } from "./compact-lake.js";

/** Number of entries that are read concurrently. */
const READS_MAX = 16;

/**
 * Number of rows in a day's files according to the log entries. Does not read the files.
 *
 * @returns undefined if an entry is missing
 * @throws TriplineError `lake-unavailable`, `state-unreadable`
 */
export async function countRows(disk: LakeDisk, lake: string, { topic, day, files }: DayOfTopic) {
  const folder = topicFolder(lake, topic);
  const todo = files.values();
  let rows: number | undefined = 0;
  const take = async () => {
    for (const { sequence } of todo) {
      const entry = await readEntry(disk, folder, sequence);
      const added = entry?.files.find((file) => file.day === day)?.rows;
      rows = rows === undefined || added === undefined ? undefined : rows + added;
    }
  };
  await Promise.all(Array.from({ length: READS_MAX }, take));
  return rows;
}
