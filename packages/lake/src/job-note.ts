import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { topicFolder } from "./lake-layout.js";
import type { LakeDisk } from "./log/lake-disk.js";

/*
 * Jobs that change the lake run in processes without an API. Each job writes the result of its last run to
 * `<lake>/_jobs/<job>.json`, where the archive service reads it.
 */

const folderOf = (lake: string): string => topicFolder(lake, "_jobs");
const pathOf = (lake: string, job: string): string => `${folderOf(lake)}/${job}.json`;

/**
 * Replaces the job's last result. If two writers do this at the same time, one of them wins. @throws TriplineError
 * `lake-unavailable`
 */
export async function writeJobNote(disk: LakeDisk, lake: string, job: string, note: object): Promise<void> {
  await disk.makeFolder(folderOf(lake));
  const draft = `${folderOf(lake)}/${job}-${randomUUID()}.draft`;
  await disk.writeFile(draft, JSON.stringify(note));
  await disk.move(draft, pathOf(lake, job));
}

/** Null if the job has not run yet, or this version cannot read its result. @throws TriplineError `lake-unavailable` */
export async function readJobNote<T>(
  disk: LakeDisk,
  lake: string,
  job: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const text = await disk.read(pathOf(lake, job));
  try {
    return text === undefined ? null : schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
