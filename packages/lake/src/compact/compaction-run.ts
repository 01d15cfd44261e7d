import { z } from "zod";
import { readJobNote, writeJobNote } from "../job-note.js";
import type { LakeDisk } from "../log/lake-disk.js";

const JOB = "compaction";
const START = "compaction-start";

const compactionRun = z.strictObject({
  ended_at: z.iso.datetime(),
  took_ms: z.int().min(0),
  days: z.int().min(0).meta({ description: "Days of topics that were compacted." }),
  files: z.int().min(0).meta({ description: "Files that were merged." }),
  merged: z.int().min(0).meta({ description: "Files that resulted from merging." }),
  rows: z.int().min(0),
  days_left: z.int().min(0).meta({ description: "Days of topics that still have too many files." }),
  failure: z.string().nullable(),
});

const start = z.strictObject({ started_at: z.iso.datetime() });

/** Result of the last compaction of the lake. */
export type CompactionRun = z.infer<typeof compactionRun>;

/** Start and end of the last compaction; undefined if there was none. */
export interface CompactionTimes {
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
}

/** If two runs end at the same moment, one of the results may be lost. @throws TriplineError `lake-unavailable` */
export async function noteCompactionRun(disk: LakeDisk, lake: string, run: CompactionRun): Promise<void> {
  await writeJobNote(disk, lake, JOB, run);
}

/** Null if no run has ended yet, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readCompactionRun(disk: LakeDisk, lake: string): Promise<CompactionRun | null> {
  return readJobNote(disk, lake, JOB, compactionRun);
}

/** Notifies other instances that a compaction has begun. @throws TriplineError `lake-unavailable` */
export async function noteCompactionStart(disk: LakeDisk, lake: string): Promise<void> {
  await writeJobNote(disk, lake, START, { started_at: new Date().toISOString() });
}

/** @throws TriplineError `lake-unavailable` */
export async function readCompactionTimes(disk: LakeDisk, lake: string): Promise<CompactionTimes> {
  const [begun, run] = await Promise.all([readJobNote(disk, lake, START, start), readCompactionRun(disk, lake)]);
  return {
    startedAtMs: begun === null ? undefined : Date.parse(begun.started_at),
    endedAtMs: run === null ? undefined : Date.parse(run.ended_at),
  };
}
