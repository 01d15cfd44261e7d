import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";

/** What is kept elsewhere: with it even a log that was written anew as a whole is found. */
export interface Anchor {
  /** Of each tenant, the newest one. */
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly keys: readonly AuditKey[];
}

/**
 * Writes today's anchor, unless it is there already: an anchor is never written over, by whichever instance.
 *
 * @param folderUrl as `file://`
 */
export async function writeAnchor(folderUrl: string, anchor: Anchor, now = new Date()): Promise<void> {
  if (anchor.checkpoints.length === 0) return;
  const folder = new URL(folderUrl.endsWith("/") ? folderUrl : `${folderUrl}/`);
  await mkdir(fileURLToPath(folder), { recursive: true });
  const file = new URL(`audit-anchor-${now.toISOString().slice(0, 10)}.json`, folder);
  try {
    await writeFile(file, JSON.stringify(anchor, null, 2), { flag: "wx", mode: 0o444 });
  } catch (error) {
    if (Reflect.get(Object(error), "code") !== "EEXIST") throw error;
  }
}
