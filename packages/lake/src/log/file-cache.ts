import { createHash } from "node:crypto";
import { link, mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import type { HeldFiles } from "./lake-disk.js";
import { makeOwnFolder } from "./own-folder.js";

/** Maximum number of concurrent fetches. */
const FETCHES_MAX = 8;
const GIB = 1024 ** 3;

export interface CachedFile {
  /** A key that uniquely identifies the file's contents. */
  readonly id: string;
  readonly bytes: number;
  /** Downloads to a new file; false if the source no longer exists. */
  fetch(path: string): Promise<boolean>;
}

/**
 * Copies of immutable files in a local folder that several processes may share. Files in use have additional hard
 * links, so they can still be read after eviction. The disk needs space for the limit, plus the same amount for each
 * reader, because a reader may keep evicted files open up to the limit.
 */
export class FileCache {
  constructor(
    private readonly folder: string,
    private readonly bytesMax: number,
  ) {}

  /**
   * Local copies of the files, which are fetched if missing; undefined if one of the files no longer exists.
   *
   * @throws TriplineError `lake-unavailable` if their total size exceeds the limit
   */
  async hold(files: readonly CachedFile[]): Promise<HeldFiles | undefined> {
    this.#requireRoom(files);
    await mkdir(this.folder, { recursive: true });
    const held = await makeOwnFolder(this.folder, "held");
    const release = () => rm(held, { recursive: true, force: true });
    const paths = files.map(({ id }, index) => join(held, `${index}-${nameOf(id)}`));
    try {
      const todo = files.map((file, index) => ({ file, path: paths[index] ?? "" })).values();
      const take = async () => {
        for (const { file, path } of todo) if (!(await this.#take(file, path))) return false;
        return true;
      };
      const areThere = await Promise.all(Array.from({ length: FETCHES_MAX }, take));
      await this.#evict();
      if (areThere.every((isThere) => isThere)) return { paths, release };
      await release();
      return undefined;
    } catch (thrown) {
      await release();
      throw thrown;
    }
  }

  async #take({ id, fetch }: CachedFile, path: string): Promise<boolean> {
    const cached = join(this.folder, nameOf(id));
    if (await linked(cached, path)) {
      const now = new Date();
      // Another process may have evicted it in the meantime.
      await utimes(cached, now, now).catch(() => {});
      return true;
    }
    if (!(await fetch(path))) return false;
    await linked(path, cached);
    return true;
  }

  #requireRoom(files: readonly CachedFile[]): void {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    if (bytes <= this.bytesMax) return;
    throw new TriplineError(
      "lake-unavailable",
      `The files to read total ${(bytes / GIB).toFixed(1)} GiB, but LAKE_CACHE_GIB allows only ` +
        `${(this.bytesMax / GIB).toFixed(1)}. Read fewer days, or raise the limit and provide that much space in ${this.folder}.`,
    );
  }

  /** Removes the least recently used files until the remaining files are within the limit. */
  async #evict(): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith(".parquet"));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.folder, name);
        const { size = 0, mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
        return { path, size, mtimeMs };
      }),
    );
    let bytes = found.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of found.sort((one, other) => one.mtimeMs - other.mtimeMs)) {
      if (bytes <= this.bytesMax) return;
      await rm(path, { force: true });
      bytes -= size;
    }
  }
}

function nameOf(id: string): string {
  return `${createHash("sha256").update(id).digest("hex").slice(0, 32)}.parquet`;
}

/** Creates a second name for a file; false if it does not exist or already has that name. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (["ENOENT", "EEXIST"].includes(String(Reflect.get(Object(cause), "code")))) return false;
    throw cause;
  }
}
