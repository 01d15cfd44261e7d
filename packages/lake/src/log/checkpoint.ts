import { randomBytes } from "node:crypto";
import { z } from "zod";
import {
  checkpointPath,
  checkpointsFolder,
  DAY_FOLDER_PREFIX,
  dayOfFolder,
  entryPath,
  stagedCheckpoint,
  stagingFolder,
} from "../lake-layout.js";
import type { LakeDisk } from "./lake-disk.js";
import type { LogEntry, Tail } from "./read-log.js";
import { CHECKPOINTS_TRIED_MAX, day, entryId, listCheckpoints, readEntries, readEntry, sequence } from "./read-log.js";

/** Entries between two checkpoints: few enough that those after the last one fit on one page of a listing. */
export const CHECKPOINT_ENTRIES = 256;
/**
 * Maximum number of entries that one checkpoint reads. Information about older entries is copied from an earlier
 * checkpoint.
 */
const ENTRIES_READ_MAX = 1_024;
/** Maximum number of files in a checkpoint, which is about 2 MB. These are the files of the newest days. */
const FILES_MAX = 100_000;
/** The previous checkpoint is kept, because a reader may still need it. */
const KEPT = 2;

/** By day: the files in the lake, as pairs of the entry that added them and their number of rows. */
const filesByDay = z.record(day, z.array(z.tuple([sequence, z.int().min(1)])));
type FilesByDay = z.infer<typeof filesByDay>;

const checkpointSchema = z.strictObject({
  format: z.literal(1),
  /**
   * The id of the last summarized entry. If a lake is deleted and created again, its entries have the same numbers but
   * other ids.
   */
  id: entryId,
  /** May be incomplete: if a file is missing here, the entry that added the file contains its number of rows. */
  files: filesByDay,
});

/** The data that the entries up to a given one contain about the files that are still in the lake. */
export interface Checkpoint {
  /** 0 if there is no usable checkpoint. */
  readonly sequence: number;
  /** By day and entry: the number of rows. */
  readonly files: Readonly<FilesByDay>;
}

const NONE: Checkpoint = { sequence: 0, files: {} };

/**
 * The newest usable checkpoint. A checkpoint that cannot be read, or that belongs to another log, counts as missing.
 *
 * @throws TriplineError `lake-unavailable`; `state-unreadable` for an entry that this version cannot read
 */
export async function readCheckpoint(disk: LakeDisk, folder: string): Promise<Checkpoint> {
  for (const last of (await listCheckpoints(disk, folder)).slice(0, CHECKPOINTS_TRIED_MAX)) {
    const found = await readOne(disk, folder, last);
    if (found !== undefined) return found;
  }
  return NONE;
}

/**
 * Adds a checkpoint of the log up to `tail`, unless there is a recent one. Any number of writers may do this at the
 * same time; one of them succeeds. The entries are kept, because versions without checkpoints need them.
 *
 * @param entries minimum number of entries since the previous checkpoint
 * @returns the last entry of the newest checkpoint
 * @throws TriplineError `lake-unavailable`, `state-unreadable`
 */
export async function addCheckpoint(
  disk: LakeDisk,
  folder: string,
  tail: Required<Tail>,
  entries: number,
): Promise<number> {
  const previous = await readCheckpoint(disk, folder);
  if (tail.sequence - previous.sequence < entries) return previous.sequence;
  const days = await disk.list(folder, DAY_FOLDER_PREFIX);
  const isPresent = new Set(days.flatMap((name) => dayOfFolder(name) ?? []));
  const files = new Map(
    Object.entries(previous.files)
      .filter(([name]) => isPresent.has(name))
      .map(([name, ofDay]) => [name, new Map(ofDay)]),
  );
  for (const [number, entry] of await entriesAfter(disk, folder, previous.sequence, tail.sequence)) {
    apply(files, number, entry);
  }
  const text = JSON.stringify({ format: 1, id: tail.entry.id, files: newest(files) });
  await writeNew(disk, folder, tail.sequence, `${text}\n`);
  await removeOld(disk, folder, tail.sequence);
  return tail.sequence;
}

/** Also removes checkpoints that the log of a deleted lake left behind. */
async function removeOld(disk: LakeDisk, folder: string, last: number): Promise<void> {
  let kept = 0;
  for (const found of await listCheckpoints(disk, folder)) {
    const isOfThisLog = found <= last || (await disk.exists(entryPath(folder, found)));
    if (isOfThisLog && kept < KEPT) kept += 1;
    else await disk.remove(checkpointPath(folder, found));
  }
}

async function readOne(disk: LakeDisk, folder: string, last: number): Promise<Checkpoint | undefined> {
  const text = (await disk.read(checkpointPath(folder, last))) ?? "";
  const { data } = z.preprocess(parsedJson, checkpointSchema).safeParse(text);
  if (data === undefined) return undefined;
  const entry = await readEntry(disk, folder, last);
  return entry?.id === data.id ? { sequence: last, files: data.files } : undefined;
}

function parsedJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

/** Excludes entries that were removed manually. */
async function entriesAfter(disk: LakeDisk, folder: string, after: number, last: number) {
  const first = Math.max(after, last - ENTRIES_READ_MAX) + 1;
  const sequences = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const found: (readonly [sequence: number, entry: LogEntry])[] = [];
  await readEntries(disk, folder, sequences, (number, entry) => void found.push([number, entry]));
  return found.sort(([one], [other]) => one - other);
}

function apply(files: Map<string, Map<number, number>>, number: number, entry: LogEntry): void {
  for (const replaced of entry.replaces) files.get(replaced.day)?.delete(replaced.sequence);
  for (const added of entry.files) {
    const ofDay = files.get(added.day) ?? new Map<number, number>();
    files.set(added.day, ofDay.set(number, added.rows));
  }
}

function newest(files: ReadonlyMap<string, ReadonlyMap<number, number>>): FilesByDay {
  const kept: FilesByDay = {};
  let count = 0;
  for (const name of [...files.keys()].sort().reverse()) {
    const ofDay = [...(files.get(name) ?? [])];
    count += ofDay.length;
    if (count > FILES_MAX) break;
    if (ofDay.length > 0) kept[name] = ofDay;
  }
  return kept;
}

/** The checkpoint appears completely or not at all. Another writer may have added the same checkpoint. */
async function writeNew(disk: LakeDisk, folder: string, last: number, text: string): Promise<void> {
  const draft = `${stagingFolder(folder)}/${stagedCheckpoint(last, randomBytes(8).toString("hex"))}`;
  try {
    await disk.makeFolder(checkpointsFolder(folder));
    await disk.writeFile(draft, text);
    await disk.linkNew(draft, checkpointPath(folder, last));
    await disk.sync(checkpointsFolder(folder));
  } finally {
    await disk.remove(draft);
  }
}
