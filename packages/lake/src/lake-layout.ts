import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { isStoreUrl } from "@tripline/object-store/open-store";

/*
 * The layout of a lake:
 *
 *   <lake>/<topic>/day=2024-02-29/0000000000000012.parquet   rows of one day that log entry 12 added
 *   <lake>/<topic>/_log/0000000000000012.json                entry 12: what it added, and each partition's position
 *   <lake>/<topic>/_checkpoints/0000000000000012.json        a summary of the entries up to 12, see log/checkpoint.ts
 *   <lake>/<topic>/_staging/                                 files that no entry has moved to their day yet
 *   <lake>/<topic>/day=2024-02-29/_replaced-0000000000000009  files up to entry 9 were merged, but may still exist
 *   <lake>/<topic>/day=2024-02-29/_replaced-0000000000000005-0000000000000009  the same for files of entries 5 to 9
 *   <lake>/<topic>/_merged/                                  which entries' replaced files still exist, see log/merged-files.ts
 *   <lake>/_iceberg/<topic>/                                 metadata of the topic's Iceberg table, if it was published
 *   <lake>/_snapshots/                                       window states, see snapshot/lake-snapshots.ts
 *
 * Readers of Hive partitions ignore names that start with an underscore, and staged files do not end with `.parquet`.
 * See docs/adr/0011-the-lake-has-a-log.md.
 */

const LOG_FOLDER = "_log";
const CHECKPOINTS_FOLDER = "_checkpoints";
const STAGING_FOLDER = "_staging";
const SNAPSHOTS_FOLDER = "_snapshots";
const MERGED_FOLDER = "_merged";
/** As in training/iceberg/tables.py. */
const PUBLISHED_FOLDER = "_iceberg";
/** Prefix of the folders of days. */
export const DAY_FOLDER_PREFIX = "day=";
const SEQUENCE_DIGITS = 16;
/** Entries whose names differ only in their last digits; as many as fit on one page of a listing. */
const BLOCK_DIGITS = 3;
const BLOCK_ENTRIES = 10 ** BLOCK_DIGITS;

const FILE_PATTERN = /^(\d{16})\.parquet$/;
const ENTRY_PATTERN = /^(\d{16})\.json$/;
const REPLACED_PATTERN = /^_replaced-(?:(\d{16})-)?(\d{16})$/;
const MERGED_PATTERN = /^(\d{16})-(\d{13})-[0-9a-f]{16}$/;
const DAY_FOLDER_PATTERN = /^day=(\d{4}-\d{2}-\d{2})$/;
const STAGED_ROWS_PATTERN = /^p(\d+)-(\d+)-/;
const STAGED_CHECKPOINT_PATTERN = /^k\d+-/;
const STAGED_DAY_PATTERN = /^c(\d{4}-\d{2}-\d{2})-(\d+)-/;

/** The first millisecond (UTC) that has no valid day folder. */
const YEAR_10000_MS = Date.UTC(10_000, 0, 1);

/** @param lake path or URL of a folder, or URL of an object store */
export function topicFolder(lake: string, topic: string): string {
  if (!isStoreUrl(lake)) return resolve(lake, topic);
  return lake.startsWith("file:") ? resolve(fileURLToPath(lake), topic) : `${lake.replace(/\/+$/, "")}/${topic}`;
}

export function snapshotsFolder(lake: string): string {
  return topicFolder(lake, SNAPSHOTS_FOLDER);
}

/** Contains a folder for each topic that was published as an Iceberg table. */
export function publishedFolder(lake: string): string {
  return topicFolder(lake, PUBLISHED_FOLDER);
}

/** @param folder of a topic */
export function mergedFolder(folder: string): string {
  return `${folder}/${MERGED_FOLDER}`;
}

export function logFolder(folder: string): string {
  return `${folder}/${LOG_FOLDER}`;
}

export function checkpointsFolder(folder: string): string {
  return `${folder}/${CHECKPOINTS_FOLDER}`;
}

export function stagingFolder(folder: string): string {
  return `${folder}/${STAGING_FOLDER}`;
}

export function dayFolder(folder: string, day: string): string {
  return `${folder}/${DAY_FOLDER_PREFIX}${day}`;
}

/** Path of the file with the rows of `day` that entry `sequence` added to the topic in `folder`. */
export function filePath(folder: string, day: string, sequence: number): string {
  return `${dayFolder(folder, day)}/${padded(sequence)}.parquet`;
}

export function entryPath(folder: string, sequence: number): string {
  return `${logFolder(folder)}/${padded(sequence)}.json`;
}

/** The 1,000 entries that have the same leading digits as this one. */
export interface EntryBlock {
  /** Prefix of the names of these entries. */
  readonly prefix: string;
  readonly last: number;
}

export function blockOfEntry(sequence: number): EntryBlock {
  const last = sequence - (sequence % BLOCK_ENTRIES) + BLOCK_ENTRIES - 1;
  return { prefix: padded(sequence).slice(0, -BLOCK_DIGITS), last };
}

/** Path of the summary of the entries up to this one. */
export function checkpointPath(folder: string, sequence: number): string {
  return `${checkpointsFolder(folder)}/${padded(sequence)}.json`;
}

/** The sequence number of a data file, from its name; undefined for any other name. */
export function sequenceOfFile(name: string): number | undefined {
  return sequenceIn(FILE_PATTERN, name);
}

/** Log entries, the first and the last included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Name of a marker. It says that the day's files of these entries were merged into other files, even if they still
 * exist. Versions that support only ranges starting at the first entry ignore other markers.
 */
export function replacedPath(folder: string, day: string, { first, last }: SequenceRange): string {
  const from = first <= 1 ? "" : `${padded(first)}-`;
  return `${dayFolder(folder, day)}/_replaced-${from}${padded(last)}`;
}

/** The merged entries, from the name of the marker; undefined for any other name. */
export function rangeOfReplaced(name: string): SequenceRange | undefined {
  const [, first, last] = REPLACED_PATTERN.exec(name) ?? [];
  return last === undefined ? undefined : { first: Number(first ?? 1), last: Number(last) };
}

/** A log entry whose replaced files were kept. */
export interface KeptMerge {
  readonly sequence: number;
  readonly mergedAtMs: number;
}

/** @param id 16 random hexadecimal digits */
export function mergedName({ sequence, mergedAtMs }: KeptMerge, id: string): string {
  return `${padded(sequence)}-${mergedAtMs}-${id}`;
}

/** Undefined for a name in another format. */
export function parseMergedName(name: string): KeptMerge | undefined {
  const [, sequence, mergedAtMs] = MERGED_PATTERN.exec(name) ?? [];
  return sequence === undefined ? undefined : { sequence: Number(sequence), mergedAtMs: Number(mergedAtMs) };
}

/** The sequence number of a log entry or a checkpoint, from its name; undefined for any other name. */
export function sequenceOfEntry(name: string): number | undefined {
  return sequenceIn(ENTRY_PATTERN, name);
}

/** The day of a folder, from its name; undefined for any other name. */
export function dayOfFolder(name: string): string | undefined {
  return DAY_FOLDER_PATTERN.exec(name)?.[1];
}

/**
 * The UTC day of an event, `YYYY-MM-DD`; undefined for an invalid event time: before `EVENT_TIME_MS_MIN`, not an
 * integer, or in the year 10000 or later.
 */
export function dayOf(eventTimeMs: number): string | undefined {
  if (!Number.isInteger(eventTimeMs) || eventTimeMs < EVENT_TIME_MS_MIN || eventTimeMs >= YEAR_10000_MS)
    return undefined;
  return new Date(eventTimeMs).toISOString().slice(0, 10);
}

/** Whether the text is a valid calendar day, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** Prefix of the files staged by one append: contains one of its partitions, and the offset at which its rows start. */
export function stagedRowsPrefix(partition: number, from: number, id: string): string {
  return `p${partition}-${from}-${id}`;
}

/** Prefix of the files staged by a compaction: contains the day, and the first of the replaced files. */
export function stagedDayPrefix(day: string, firstReplaced: number, id: string): string {
  return `c${day}-${firstReplaced}-${id}`;
}

/** Name of a checkpoint that is being written. */
export function stagedCheckpoint(sequence: number, id: string): string {
  return `k${sequence}-${id}.checkpoint`;
}

export type StagedName =
  | { readonly kind: "checkpoint" }
  | { readonly kind: "rows"; readonly partition: number; readonly from: number }
  | { readonly kind: "day"; readonly day: string; readonly firstReplaced: number };

/** The parts of a staged file's name; undefined if the name is not in our format. */
export function parseStagedName(name: string): StagedName | undefined {
  const [, partition, from] = STAGED_ROWS_PATTERN.exec(name) ?? [];
  if (partition !== undefined) return { kind: "rows", partition: Number(partition), from: Number(from) };
  if (STAGED_CHECKPOINT_PATTERN.test(name)) return { kind: "checkpoint" };
  const [, day, firstReplaced] = STAGED_DAY_PATTERN.exec(name) ?? [];
  return day === undefined ? undefined : { kind: "day", day, firstReplaced: Number(firstReplaced) };
}

function padded(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, "0");
}

function sequenceIn(pattern: RegExp, name: string): number | undefined {
  const digits = pattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
