import { TriplineError } from "@tripline/contracts/error-table";
import type { HeldFiles } from "../log/lake-disk.js";
import { listFiles } from "../log/list-files.js";
import { openDisk } from "../log/open-disk.js";

/** Maximum number of listings. More than one may be needed, because a compaction may remove a listed file. */
const TRIES_MAX = 5;

/**
 * The files of a topic for DuckDB: the original files in a folder, or copies of the files in an object store.
 *
 * @param after only files of log entries after this one. Default: all
 * @throws TriplineError like `listFiles`; `lake-unavailable` if the files are too large
 */
export async function holdFiles(lake: string, topic: string, days?: readonly string[], after = 0): Promise<HeldFiles> {
  const disk = await openDisk(lake);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { files } = await listFiles(lake, topic, days, disk);
    const held = await disk.hold(files.filter(({ sequence }) => sequence > after).map(({ path }) => path));
    if (held !== undefined) return held;
  }
  throw new TriplineError("state-conflict", `The files of ${topic} in ${lake} change faster than they can be read.`);
}
