import { access, link, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * The lake cannot be used at the moment.
 *
 * @param what what was tried, as the beginning of a sentence
 */
export function lakeUnavailable(what: string, cause: unknown): TriplineError {
  const [reason = ""] = String(Reflect.get(Object(cause), "message") ?? cause).split("\n");
  const detail =
    `${what}: ${reason}. Make room in the lake's folder, or fix its path or permissions; ` +
    "what is not in the lake yet stays in Kafka.";
  return new TriplineError("lake-unavailable", detail, [], { cause });
}

/**
 * The few things that are done to a lake's files, each durable when it resolves. A class, so that a test can end the
 * process at any of them.
 *
 * Every method throws TriplineError `lake-unavailable` when the file system refuses.
 */
export class LakeDisk {
  /** With all folders above it. */
  async makeFolder(path: string): Promise<void> {
    await attempt(`The folder ${path} cannot be made`, async () => {
      const first = await mkdir(path, { recursive: true });
      if (first === undefined) return;
      for (let folder = path; folder.length >= first.length; folder = dirname(folder)) {
        await syncPath(dirname(folder));
      }
    });
  }

  /** Writes a file that is not there yet. */
  async writeFile(path: string, text: string): Promise<void> {
    await attempt(`${path} cannot be written`, async () => {
      const file = await open(path, "wx");
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  /** Makes a file or the names in a folder durable. */
  async sync(path: string): Promise<void> {
    await attempt(`${path} cannot be synced`, () => syncPath(path));
  }

  /** Gives the file at `from` a second name, in one step and only if that name is free; false if it is taken. */
  async linkNew(from: string, to: string): Promise<boolean> {
    return attempt(`${to} cannot be made`, () => unless("EEXIST", () => link(from, to)));
  }

  /** In one step, over what may be at `to`; false if there is nothing at `from`. The folders are not synced. */
  async move(from: string, to: string): Promise<boolean> {
    return attempt(`${from} cannot be moved to ${to}`, () => unless("ENOENT", () => rename(from, to)));
  }

  /** Does nothing if there is no such file. */
  async remove(path: string): Promise<void> {
    await attempt(`${path} cannot be removed`, () => rm(path, { force: true }));
  }

  /** Names in a folder, unsorted; empty if there is no such folder. */
  async list(path: string): Promise<string[]> {
    return attempt(`The folder ${path} cannot be read`, async () => {
      let names: string[] = [];
      await unless("ENOENT", async () => {
        names = await readdir(path);
      });
      return names;
    });
  }

  /** The text of a file; undefined if there is none. */
  async read(path: string): Promise<string | undefined> {
    return attempt(`${path} cannot be read`, async () => {
      let text: string | undefined;
      await unless("ENOENT", async () => {
        text = await readFile(path, "utf8");
      });
      return text;
    });
  }

  async exists(path: string): Promise<boolean> {
    return attempt(`${path} cannot be checked`, () => unless("ENOENT", () => access(path)));
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw lakeUnavailable(what, cause);
  }
}

/** Whether the work was done; false where it failed with that code of the operating system. */
async function unless(code: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    if (Reflect.get(Object(cause), "code") === code) return false;
    throw cause;
  }
}
