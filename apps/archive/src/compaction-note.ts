import { readJobNote, writeJobNote } from "@tripline/lake/job-note";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { z } from "zod";

const JOB = "compaction";

const compactionNote = z.strictObject({
  topic: z.string(),
  day: z.string(),
  ended_at: z.iso.datetime(),
  took_ms: z.int().min(0),
  files: z.int().min(0).meta({ description: "Before; one is left." }),
  rows: z.int().min(0),
  failure: z.string().nullable(),
});

/** Result of the last compaction of any topic. */
export type CompactionNote = z.infer<typeof compactionNote>;

/** @throws TriplineError `lake-unavailable` */
export async function noteCompaction(disk: LakeDisk, lake: string, note: CompactionNote): Promise<void> {
  await writeJobNote(disk, lake, JOB, note);
}

/** Null if none has run, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readCompactionNote(disk: LakeDisk, lake: string): Promise<CompactionNote | null> {
  return readJobNote(disk, lake, JOB, compactionNote);
}
