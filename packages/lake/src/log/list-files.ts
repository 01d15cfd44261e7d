import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import {
  DAY_FOLDER_PREFIX,
  dayFolder,
  dayOfFolder,
  filePath,
  isDay,
  rangeOfReplaced,
  sequenceOfFile,
  stagingFolder,
  topicFolder,
} from "../lake-layout.js";
import type { LakeDisk } from "./lake-disk.js";
import { openDisk } from "./open-disk.js";
import type { LogEntry, Tail } from "./read-log.js";
import { positionsOf, readTail, tailFrom } from "./read-log.js";

/** Number of retries, and pause between them, if a writer adds an entry during a listing: 200 ms in total. */
const TRIES_MAX = 20;
const POLL_MS = 10;
/** If more days than this are requested, all of them are listed together, which takes fewer requests. */
const LISTED_ALONE_MAX = 30;

export interface LakeFile {
  readonly path: string;
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  /** The log entry that added it. */
  readonly sequence: number;
}

/** A topic as of one entry of its log: every record below the positions is in exactly one of the files. */
export interface LakeListing {
  /** Sorted by day, then by entry. Contains only the requested days. */
  readonly files: readonly LakeFile[];
  /** By partition: the offset up to which all records of all days are in the lake. */
  readonly positions: ReadonlyMap<number, number>;
}

/**
 * The files of a topic. Read-only; requires no running service. A later compaction may remove files of this listing;
 * reading them then fails, and the caller must list the files again.
 *
 * @param days UTC, `YYYY-MM-DD`. Default: all days
 * @throws TriplineError `not-found` for a topic that was never archived there; `invalid-field` for an invalid day;
 *   `lake-unavailable`, `state-unreadable`
 */
export async function listFiles(
  lake: string,
  topic: string,
  days?: readonly string[],
  given?: LakeDisk,
): Promise<LakeListing> {
  const disk = given ?? (await openDisk(lake));
  const wrong = days?.find((day) => !isDay(day));
  if (wrong !== undefined) {
    throw new TriplineError("invalid-field", `${JSON.stringify(wrong)} is not a day. Specify days as YYYY-MM-DD.`);
  }
  const folder = topicFolder(lake, topic);
  let tail = await readTail(disk, folder);
  if (tail.entry === undefined) {
    const detail = `There is no archive of ${topic} in ${lake}. Specify the folder or URL that the archive service writes to.`;
    throw new TriplineError("not-found", detail);
  }
  for (let tries = 1; ; tries += 1) {
    const files = await filesAt(disk, folder, tail, days);
    // If the log is unchanged, nothing was removed while the folders were read.
    const now = await tailFrom(disk, folder, tail);
    const isSame = now.sequence === tail.sequence;
    const isLast = tries === TRIES_MAX;
    if (isSame && (isLast || files.every(({ isStaged }) => !isStaged))) {
      return { files: files.map(({ isStaged: _, ...file }) => file), positions: positionsOf(tail) };
    }
    if (isLast) throw new TriplineError("state-conflict", `${folder} is changing too fast to be listed. Try again.`);
    tail = now;
    await delay(POLL_MS);
  }
}

/**
 * The days of a topic in ascending order, `YYYY-MM-DD`; empty if the topic was never archived there. Lists only two
 * folders, regardless of the number of days. May include a day whose files were all removed.
 *
 * @throws TriplineError `lake-unavailable`, `state-unreadable`
 */
export async function listDays(lake: string, topic: string, given?: LakeDisk): Promise<string[]> {
  const disk = given ?? (await openDisk(lake));
  const folder = topicFolder(lake, topic);
  const { entry } = await readTail(disk, folder);
  if (entry === undefined) return [];
  // Must be read after the log: by then, the files of earlier entries are in place, while those of the last entry may
  // still be staged.
  const names = await disk.list(folder);
  const days = [...names.flatMap((name) => dayOfFolder(name) ?? []), ...entry.files.map(({ day }) => day)];
  return [...new Set(days)].sort();
}

interface FoundFile extends LakeFile {
  /** The file belongs to the last entry and is not in place yet, because its writer is about to move it or has died. */
  readonly isStaged: boolean;
}

async function filesAt(
  disk: LakeDisk,
  folder: string,
  { sequence: last, entry }: Tail,
  days: readonly string[] | undefined,
): Promise<FoundFile[]> {
  const added = (entry?.files ?? []).filter(({ day }) => days === undefined || days.includes(day));
  const present = await namesByDay(disk, folder, days);
  const found: FoundFile[] = [];
  for (const day of new Set([...present.keys(), ...added.map((file) => file.day)])) {
    const sequences = validSequences(present.get(day) ?? []);
    const replaced = replacedOf(entry, day);
    for (const sequence of sequences) {
      // Later files belong to entries that this listing does not include.
      if (sequence > last || replaced.has(sequence)) continue;
      found.push({ path: filePath(folder, day, sequence), day, sequence, isStaged: false });
    }
    const mine = added.find((file) => file.day === day);
    if (mine !== undefined && !sequences.includes(last)) {
      found.push({ path: `${stagingFolder(folder)}/${mine.staged}`, day, sequence: last, isStaged: true });
    }
  }
  return found.sort((a, b) => (a.day === b.day ? a.sequence - b.sequence : a.day < b.day ? -1 : 1));
}

async function namesByDay(
  disk: LakeDisk,
  folder: string,
  days: readonly string[] | undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (days !== undefined && days.length <= LISTED_ALONE_MAX) {
    const listed = days.map(async (day) => [day, await disk.list(dayFolder(folder, day))] as const);
    return new Map(await Promise.all(listed));
  }
  const folders = await disk.listSubfolders(folder, DAY_FOLDER_PREFIX);
  const byDay = [...folders].map(([name, names]) => [dayOfFolder(name) ?? "", names] as const);
  return new Map(byDay.filter(([day]) => (days === undefined ? day !== "" : days.includes(day))));
}

/** The entries of a day's files, unsorted. Throws TriplineError `lake-unavailable`. */
export async function sequencesOfDay(disk: LakeDisk, folder: string, day: string): Promise<number[]> {
  return validSequences(await disk.list(dayFolder(folder, day)));
}

/**
 * The entries whose files are among these names in a day's folder. In an object store, a slow move may restore a file
 * after it was merged and removed; the marker of the merge then identifies this file.
 */
export function validSequences(names: Iterable<string>): number[] {
  const all = [...names];
  const merged = all.flatMap((name) => rangeOfReplaced(name) ?? []);
  return all
    .flatMap((name) => sequenceOfFile(name) ?? [])
    .filter((sequence) => merged.every(({ first, last }) => sequence < first || sequence > last));
}

function replacedOf(entry: LogEntry | undefined, day: string): ReadonlySet<number> {
  const replaces = entry?.replaces ?? [];
  return new Set(replaces.filter((file) => file.day === day).map(({ sequence }) => sequence));
}
