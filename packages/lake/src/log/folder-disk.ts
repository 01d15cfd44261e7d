import { closeSync, existsSync, openSync } from "node:fs";
import { access, link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HeldFiles, LakeDisk } from "./lake-disk.js";
import { lakeUnavailable } from "./lake-disk.js";

/** On Linux, a path to each open file of this process, which stays valid after the file is removed. */
const OPEN_FILES = "/proc/self/fd";
/** Well below the usual limit on open files per process. */
const HELD_MAX = 4_096;

/** A lake in a local folder or a shared file system. */
export class FolderDisk implements LakeDisk {
  readonly hasNoLateEffects = true;

  async makeFolder(path: string): Promise<void> {
    await attempt(`The folder ${path} cannot be created`, async () => {
      const first = await mkdir(path, { recursive: true });
      if (first === undefined) return;
      for (let folder = path; folder.length >= first.length; folder = dirname(folder)) {
        await syncPath(dirname(folder));
      }
    });
  }

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

  async sync(path: string): Promise<void> {
    await attempt(`${path} cannot be synced`, () => syncPath(path));
  }

  async requireLinks(): Promise<void> {}

  async linkNew(from: string, to: string): Promise<boolean> {
    return attempt(`${to} cannot be created`, () => unless("EEXIST", () => link(from, to)));
  }

  async move(from: string, to: string): Promise<boolean> {
    return attempt(`${from} cannot be moved to ${to}`, () => unless("ENOENT", () => rename(from, to)));
  }

  async remove(path: string): Promise<void> {
    await attempt(`${path} cannot be removed`, () => rm(path, { force: true }));
  }

  async list(path: string, prefix = ""): Promise<string[]> {
    return attempt(`The folder ${path} cannot be read`, async () => {
      let names: string[] = [];
      await unless("ENOENT", async () => {
        names = await readdir(path);
      });
      return names.filter((name) => name.startsWith(prefix));
    });
  }

  async listSubfolders(path: string, prefix: string): Promise<ReadonlyMap<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const name of await this.list(path, prefix)) found.set(name, await this.list(join(path, name)));
    return found;
  }

  async sizes(path: string): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    for (const name of await this.list(path)) {
      const file = join(path, name);
      // A compaction may have removed it in the meantime.
      const isFound = () => unless("ENOENT", async () => void sizes.set(name, (await stat(file)).size));
      await attempt(`${file} cannot be read`, isFound);
    }
    return sizes;
  }

  async read(path: string): Promise<string | undefined> {
    return attempt(`${path} cannot be read`, async () => {
      let text: string | undefined;
      await unless("ENOENT", async () => {
        text = await readFile(path, "utf8");
      });
      return text;
    });
  }

  async produce(path: string, write: (local: string) => Promise<void>): Promise<void> {
    try {
      await write(path);
      await this.sync(path);
    } catch (thrown) {
      await this.remove(path).catch(() => {});
      throw thrown;
    }
  }

  /**
   * Opens the files, so that they can still be read after a compaction has removed them. If there are very many files,
   * they are not opened.
   */
  async hold(paths: readonly string[]): Promise<HeldFiles | undefined> {
    if (paths.length > HELD_MAX || !existsSync(OPEN_FILES)) return { paths, release: async () => {} };
    const opened: number[] = [];
    const release = async (): Promise<void> => {
      for (const file of opened.splice(0)) closeSync(file);
    };
    try {
      for (const path of paths) {
        const open = () => unless("ENOENT", async () => void opened.push(openSync(path, "r")));
        if (await attempt(`${path} cannot be read`, open)) continue;
        await release();
        return undefined;
      }
    } catch (thrown) {
      await release();
      throw thrown;
    }
    return { paths: opened.map((file) => `${OPEN_FILES}/${file}`), release };
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

/** Whether the work succeeded; false if it failed with this operating system error code. */
async function unless(code: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    if (Reflect.get(Object(cause), "code") === code) return false;
    throw cause;
  }
}
