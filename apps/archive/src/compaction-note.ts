import { topicFolder } from "@tripline/lake/lake-layout";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { z } from "zod";

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

const folderOf = (lake: string): string => topicFolder(lake, "_jobs");
const pathOf = (lake: string): string => `${folderOf(lake)}/compaction.json`;

/** Compactions have no API, so each writes its result to the lake. @throws TriplineError `lake-unavailable` */
export async function noteCompaction(disk: LakeDisk, lake: string, note: CompactionNote): Promise<void> {
  await disk.makeFolder(folderOf(lake));
  await disk.remove(pathOf(lake));
  await disk.writeFile(pathOf(lake), JSON.stringify(note));
}

/** Null if none has run, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readCompactionNote(disk: LakeDisk, lake: string): Promise<CompactionNote | null> {
  const text = await disk.read(pathOf(lake));
  try {
    return text === undefined ? null : compactionNote.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
