import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { dayOfFolder, isDay, topicFolder } from "../lake-layout.js";
import { LAKE_TABLES } from "../lake-tables.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { removeMergedFiles } from "../log/merged-files.js";
import { TopicLog } from "../log/topic-log.js";
import type { Merge } from "./compact-day.js";
import { compactDay, filesOfDay } from "./compact-day.js";
import type { Merger } from "./file-merger.js";
import { FileMerger } from "./file-merger.js";
import type { DayFile, MergeLimits } from "./plan-merge.js";
import { mergeableFiles } from "./plan-merge.js";

/** The run ends after this many days that cannot be compacted, because the whole lake is then probably unavailable. */
const FAILURES_MAX = 5;

const TOPICS: readonly string[] = Object.values(LAKE_TABLES).map(({ topic }) => topic.name);

/** The files of a topic and day. */
export interface DayOfTopic {
  readonly topic: string;
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  readonly files: readonly DayFile[];
  readonly bytes: number;
  /** Number of files that a compaction would merge. */
  readonly mergeable: number;
}

export interface CompactLakeOptions {
  readonly disk: LakeDisk;
  readonly lake: string;
  readonly limits: MergeLimits;
  /** Default: all archived topics. */
  readonly topics?: readonly string[] | undefined;
  /** Whether to compact this day. */
  isWanted(day: string): boolean;
  /** Whether the run must stop before its next merge. */
  isOver?(): boolean;
  /** Default: merges Parquet files. */
  readonly merger?: Merger;
  /** Default: the current time. */
  readonly nowMs?: number;
  /** Called after each merge. */
  onMerge?(progress: CompactionProgress): void;
}

/** Bytes merged so far, and bytes that the run plans to merge in total. */
export interface CompactionProgress {
  readonly topic: string;
  readonly day: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Compaction {
  /** For all topics together. */
  readonly days: number;
  /** Number of files that were merged. */
  readonly files: number;
  /** Number of resulting files. */
  readonly merged: number;
  readonly rows: number;
  /** Number of days that still have too many files. */
  readonly daysLeft: number;
  /** Why compaction failed for the first day that could not be compacted. */
  readonly failure: string | null;
}

/**
 * The archived days of the topics, in the order of the topics.
 *
 * @param topics default: all
 * @throws TriplineError `not-found` if none of them is archived; `lake-unavailable`
 */
export async function readDays(
  options: Pick<CompactLakeOptions, "disk" | "lake" | "topics" | "isWanted" | "limits">,
): Promise<DayOfTopic[]> {
  const { disk, lake, limits, topics = TOPICS, isWanted } = options;
  const days: DayOfTopic[] = [];
  let isFound = false;
  for (const topic of topics) {
    const folder = topicFolder(lake, topic);
    const names = await disk.list(folder);
    isFound ||= names.length > 0;
    for (const day of names.flatMap((name) => dayOfFolder(name) ?? []).sort()) {
      if (!isDay(day) || !isWanted(day)) continue;
      const files = await filesOfDay(disk, folder, day);
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      days.push({ topic, day, files, bytes, mergeable: mergeableFiles(files, limits) });
    }
  }
  if (isFound) return days;
  const what = topics === TOPICS ? "" : ` of ${topics.join(", ")}`;
  const detail = `There is no archive${what} in ${lake}. Specify the folder or URL that the archive service writes to.`;
  throw new TriplineError("not-found", detail);
}

/**
 * Merges the small files of each day, one day at a time. Skips days that cannot be compacted. If a topic is published as
 * an Iceberg table, a later run removes the merged files, because readers of the table still need them.
 *
 * @throws TriplineError like `readDays`
 */
export async function compactLake(options: CompactLakeOptions): Promise<Compaction> {
  if (options.merger !== undefined) return mergeDays(options, options.merger);
  const merger = await FileMerger.open();
  try {
    return await mergeDays(options, merger);
  } finally {
    merger.close();
  }
}

async function mergeDays(options: CompactLakeOptions, merger: Merger): Promise<Compaction> {
  const { disk, lake, topics = TOPICS, isOver = () => false } = options;
  const todo = (await readDays(options)).filter(({ mergeable }) => mergeable > 0);
  const run = new Run(options, merger, todo);
  for (const [topic, days] of Map.groupBy(todo, ({ topic: name }) => name)) {
    const log = new TopicLog({ disk, lake, topic });
    for (const { day } of days) {
      if (isOver() || run.failures.length >= FAILURES_MAX) break;
      await run.compact(log, topic, day);
    }
  }
  for (const topic of topics) await run.removeMerged(topic);
  return run.result;
}

/** The progress of a run. */
class Run {
  readonly failures: string[] = [];
  readonly #merges: Merge[] = [];
  readonly #totalBytes: number;
  #doneBytes = 0;
  #days = 0;

  constructor(
    private readonly options: CompactLakeOptions,
    private readonly merger: Merger,
    private readonly todo: readonly DayOfTopic[],
  ) {
    this.#totalBytes = todo.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get result(): Compaction {
    return {
      days: this.#days,
      files: this.#merges.reduce((sum, { files }) => sum + files, 0),
      merged: this.#merges.length,
      rows: this.#merges.reduce((sum, { rows }) => sum + rows, 0),
      daysLeft: this.todo.length - this.#days,
      failure: this.failures[0] ?? null,
    };
  }

  /** Never throws. */
  async removeMerged(topic: string): Promise<void> {
    const { disk, lake, nowMs = Date.now() } = this.options;
    try {
      await removeMergedFiles(disk, topicFolder(lake, topic), nowMs);
    } catch (thrown) {
      this.failures.push(`${topic}: ${asTriplineError(thrown).message}`);
    }
  }

  /** Never throws. */
  async compact(log: TopicLog, topic: string, day: string): Promise<void> {
    const { disk, limits, isOver = () => false, onMerge = () => {} } = this.options;
    try {
      for await (const merge of compactDay({ disk, log, day, limits, merger: this.merger })) {
        this.#merges.push(merge);
        this.#doneBytes = Math.min(this.#totalBytes, this.#doneBytes + merge.bytes);
        onMerge({ topic, day, doneBytes: this.#doneBytes, totalBytes: this.#totalBytes });
        if (isOver()) return;
      }
      this.#days += 1;
    } catch (thrown) {
      this.failures.push(`${topic}, ${day}: ${asTriplineError(thrown).message}`);
    }
  }
}
