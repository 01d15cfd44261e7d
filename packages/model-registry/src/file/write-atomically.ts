import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const TEMPORARY_PREFIX = ".tmp-";
/** A temporary entry older than this belongs to a dead writer. */
const TEMPORARY_AGE_MS_MAX = 3_600_000;

/**
 * Writes files into a new directory, which appears under its name only once all of them are on disk.
 *
 * @returns false if another process created that directory first; it is left unchanged
 */
export async function writeDirectory(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<boolean> {
  const parent = dirname(path);
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const temporary = temporaryName(parent);
  await mkdir(temporary);
  try {
    for (const [name, bytes] of Object.entries(files)) await writeDurably(join(temporary, name), bytes);
    await syncDirectory(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (isCode(error, "ENOTEMPTY") || isCode(error, "EEXIST")) return false;
    throw error;
  }
  await syncDirectory(parent);
  return true;
}

/** Writes a file so that readers see either its old or its new content, but never a part of it. */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const parent = dirname(path);
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const temporary = temporaryName(parent);
  try {
    await writeDurably(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(parent);
}

/** Names in a directory, without unfinished ones; empty if the directory does not exist. */
export async function readFinished(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Checks the shape rather than the class, because a file system error may come from another realm. */
export function isCode(error: unknown, code: string): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}

function temporaryName(parent: string): string {
  return join(parent, TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** After this, directory entries survive a power failure. Windows cannot open directories and needs no such call. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = join(parent, name);
    // If its owner renames the entry between the two calls, it is not abandoned.
    const entry = await stat(path).catch(() => undefined);
    if (entry === undefined || Date.now() - entry.mtimeMs < TEMPORARY_AGE_MS_MAX) continue;
    await rm(path, { recursive: true, force: true });
  }
}
