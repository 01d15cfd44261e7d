import { z } from "zod";
import { readJobNote } from "./job-note.js";
import type { LakeDisk } from "./log/lake-disk.js";

const JOB = "publication";

const publicationRun = z.strictObject({
  ended_at: z.iso.datetime(),
  took_ms: z.int().min(0),
  interval_minutes: z.number().min(0).meta({ description: "0 if the command ran only once." }),
  tables: z.int().min(0).meta({ description: "Tables that were changed." }),
  files: z.int().min(0).meta({ description: "Files that were added to them." }),
  failure: z.string().nullable(),
});

/** Result of the last publication of the lake as Iceberg tables, which training/iceberg/publish.py writes. */
export type PublicationRun = z.infer<typeof publicationRun>;

/** Null if none has run, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readPublicationRun(disk: LakeDisk, lake: string): Promise<PublicationRun | null> {
  return readJobNote(disk, lake, JOB, publicationRun);
}
