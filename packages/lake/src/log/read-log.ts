import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { blockOfEntry, checkpointsFolder, entryPath, isDay, logFolder, sequenceOfEntry } from "../lake-layout.js";
import type { LakeDisk } from "./lake-disk.js";

/** How many of the newest checkpoints to try, because the log of a deleted lake may have left some behind. */
export const CHECKPOINTS_TRIED_MAX = 3;

export const day = z.string().refine(isDay, "must be a day, YYYY-MM-DD");
export const sequence = z.int().min(1);
/** Number of entries that are read concurrently. */
const READS_MAX = 16;

/** Random. */
export const entryId = z.string().regex(/^[0-9a-f]{16}$/);

const logEntry = z.strictObject({
  /**
   * 2: the entry replaces files of a day that also has earlier files. In an object store, versions that know only 1
   * would remove the earlier files as well, so these versions must not read the entry.
   */
  format: z.union([z.literal(1), z.literal(2)]),
  /** Random id by which a writer recognises its own entry. */
  id: entryId,
  /** The source of the rows. In another cluster or topic, the same offsets refer to other records. */
  source: z.strictObject({ cluster: z.string(), topic: z.string() }),
  /** By partition: the offset up to which all records are in the lake after this entry. */
  positions: z.record(z.string().regex(/^\d+$/), z.int().min(0)),
  /** Files that this entry adds: at most one per day. They have a staged name until they are moved to their day. */
  files: z.array(z.strictObject({ day, staged: z.string().regex(/^[\w-]+\.staged$/), rows: z.int().min(1) })),
  /** Files that this entry removes, by day and the entry that added them: its own file contains their rows. */
  replaces: z.array(z.strictObject({ day, sequence })),
});

export type LogEntry = z.infer<typeof logEntry>;

export type Source = LogEntry["source"];

/** The end of a topic's log. */
export interface Tail {
  /** 0 if there is no entry yet. */
  readonly sequence: number;
  /** Absent if there is no entry yet. */
  readonly entry?: LogEntry;
}

export function positionsOf({ entry }: Tail): ReadonlyMap<number, number> {
  const positions = Object.entries(entry?.positions ?? {});
  return new Map(positions.map(([partition, offset]) => [Number(partition), offset]));
}

/**
 * The last log entry of the topic in `folder`.
 *
 * @throws TriplineError `lake-unavailable`; `state-unreadable` for an entry that this version cannot read
 */
export async function readTail(disk: LakeDisk, folder: string): Promise<Tail> {
  const last = await lastListed(disk, folder);
  if (last === 0) return { sequence: 0 };
  return tailFrom(disk, folder, { sequence: last, entry: await readLastEntry(disk, folder, last) });
}

/**
 * The end of the log, searched from a known entry onwards, so that it also finds entries that a listing does not
 * include yet. Throws like `readTail`.
 */
export async function tailFrom(disk: LakeDisk, folder: string, known: Tail): Promise<Tail> {
  for (let tail = known; ; ) {
    const entry = await readEntry(disk, folder, tail.sequence + 1);
    if (entry === undefined) return tail;
    tail = { sequence: tail.sequence + 1, entry };
  }
}

/** The last entries of the checkpoints, descending. Throws TriplineError `lake-unavailable`. */
export async function listCheckpoints(disk: LakeDisk, folder: string): Promise<number[]> {
  const names = await disk.list(checkpointsFolder(folder));
  return names.flatMap((name) => sequenceOfEntry(name) ?? []).sort((one, other) => other - one);
}

/** Lists only entries from the newest checkpoint onwards, so that the number of requests does not grow with the log. */
async function lastListed(disk: LakeDisk, folder: string): Promise<number> {
  const known = await listCheckpoints(disk, folder);
  for (const checkpoint of known.slice(0, CHECKPOINTS_TRIED_MAX)) {
    const last = await lastFrom(disk, folder, checkpoint);
    if (last !== undefined) return last;
  }
  const all = sequencesOf(await disk.list(logFolder(folder)));
  return all.reduce((most, found) => Math.max(most, found), 0);
}

/** Undefined if that entry does not exist. */
async function lastFrom(disk: LakeDisk, folder: string, first: number): Promise<number | undefined> {
  for (let last: number | undefined; ; ) {
    const block = blockOfEntry(last === undefined ? first : last + 1);
    const listed = sequencesOf(await disk.list(logFolder(folder), block.prefix));
    if (last === undefined && !listed.includes(first)) return undefined;
    last = listed.reduce((most, found) => Math.max(most, found), last ?? first);
    if (last !== block.last) return last;
  }
}

function sequencesOf(names: readonly string[]): number[] {
  return names.flatMap((name) => sequenceOfEntry(name) ?? []);
}

/** The entry with this number; undefined if there is none. Throws like `readTail`. */
export async function readEntry(disk: LakeDisk, folder: string, sequence: number): Promise<LogEntry | undefined> {
  const path = entryPath(folder, sequence);
  const text = await disk.read(path);
  if (text === undefined) return undefined;
  const result = logEntry.safeParse(parsedJson(text));
  if (result.success) return result.data;
  const faults = z.prettifyError(result.error).replaceAll(/\s+/g, " ");
  throw new TriplineError("state-unreadable", `The log entry ${path} cannot be read by this version: ${faults}.`);
}

/**
 * Reads entries concurrently.
 *
 * @param use called for each entry that exists, in any order. Throws like `readTail`
 */
export async function readEntries(
  disk: LakeDisk,
  folder: string,
  sequences: Iterable<number>,
  use: (sequence: number, entry: LogEntry) => void,
): Promise<void> {
  const todo = [...sequences].values();
  const take = async () => {
    for (const number of todo) {
      const entry = await readEntry(disk, folder, number);
      if (entry !== undefined) use(number, entry);
    }
  };
  await Promise.all(Array.from({ length: READS_MAX }, take));
}

async function readLastEntry(disk: LakeDisk, folder: string, sequence: number): Promise<LogEntry> {
  const entry = await readEntry(disk, folder, sequence);
  if (entry !== undefined) return entry;
  const path = entryPath(folder, sequence);
  throw new TriplineError(
    "state-conflict",
    `${path} was removed while it was being read. Do not change a lake manually.`,
  );
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
