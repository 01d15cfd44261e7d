import { z } from "zod";
import { readJobNote, writeJobNote } from "../job-note.js";
import type { LakeDisk } from "../log/lake-disk.js";

const JOB = "snapshot";

const snapshotRun = z.strictObject({
  ended_at: z.iso.datetime(),
  took_ms: z.int().min(0),
  states: z.int().min(0),
  events: z.int().min(0).meta({ description: "Counted since the previous snapshot." }),
  failure: z.string().nullable(),
});

/** Result of the last snapshot run, whether or not it took a snapshot. */
export type SnapshotRun = z.infer<typeof snapshotRun>;

/** If two runs end at the same moment, one of the results may be lost. @throws TriplineError `lake-unavailable` */
export async function noteSnapshotRun(disk: LakeDisk, lake: string, run: SnapshotRun): Promise<void> {
  await writeJobNote(disk, lake, JOB, run);
}

/** Null if none has run, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readSnapshotRun(disk: LakeDisk, lake: string): Promise<SnapshotRun | null> {
  return readJobNote(disk, lake, JOB, snapshotRun);
}
