import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { filePath, mergedFolder, mergedName, parseMergedName, publishedFolder } from "../lake-layout.js";
import type { LakeDisk } from "./lake-disk.js";
import { readEntry } from "./read-log.js";

/**
 * Programs that read the topic's Iceberg table can read a merged file for this long. The table's next commit replaces
 * the file, at most 24 hours later (EVERY_MINUTES_MAX in training/iceberg/publish.py).
 */
const KEPT_MS = 25 * 3_600_000;

/** Whether the topic was ever published as an Iceberg table. @throws TriplineError `lake-unavailable` */
export async function isPublished(disk: LakeDisk, lake: string, topic: string): Promise<boolean> {
  return (await disk.list(publishedFolder(lake), topic)).includes(topic);
}

/**
 * Keeps the files that the entry replaced, until `removeMergedFiles` removes them. May be repeated, by several
 * processes.
 *
 * @param marker path of the marker that says that these files were merged
 * @throws TriplineError `lake-unavailable`
 */
export async function keepMergedFiles(disk: LakeDisk, folder: string, sequence: number, marker: string): Promise<void> {
  if (await disk.exists(marker)) return;
  const merged = mergedFolder(folder);
  const note = `${merged}/${mergedName({ sequence, mergedAtMs: Date.now() }, randomBytes(8).toString("hex"))}`;
  await disk.makeFolder(merged);
  await disk.writeFile(note, "");
  await disk.sync(merged);
  // Only after the note, so that no file stays forever.
  await disk.linkNew(note, marker);
  await disk.sync(dirname(marker));
}

/**
 * Removes the topic's files that were merged long enough ago.
 *
 * @param folder of the topic
 * @throws TriplineError `lake-unavailable`, `state-unreadable`
 */
export async function removeMergedFiles(disk: LakeDisk, folder: string, nowMs: number): Promise<void> {
  for (const name of await disk.list(mergedFolder(folder))) {
    const merge = parseMergedName(name);
    // A time far in the future is from a wrong clock.
    if (merge === undefined || Math.abs(nowMs - merge.mergedAtMs) < KEPT_MS) continue;
    const entry = await readEntry(disk, folder, merge.sequence);
    for (const { day, sequence } of entry?.replaces ?? []) await disk.remove(filePath(folder, day, sequence));
    await disk.remove(`${mergedFolder(folder)}/${name}`);
  }
}
