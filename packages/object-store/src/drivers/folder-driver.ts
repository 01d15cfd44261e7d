import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Body, Fault, ObjectInfo, Page, PageRequest, StoreDriver } from "../store-driver.js";

/** Unfinished files, or files left by a crash: never listed. */
const UNFINISHED = /\.[0-9a-f]{12}\.unfinished$/;

/** A folder on this machine. */
export class FolderDriver implements StoreDriver {
  constructor(private readonly folder: string) {}

  async put(key: string, body: Body, isNew: boolean): Promise<boolean> {
    const path = this.#path(key);
    await mkdir(dirname(path), { recursive: true });
    const unfinished = `${path}.${randomBytes(6).toString("hex")}.unfinished`;
    try {
      await writeDurably(unfinished, body);
      if (!isNew) await rename(unfinished, path);
      else if ((await orMissing(link(unfinished, path), "EEXIST")) === undefined) return false;
      await sync(dirname(path));
      return true;
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return orMissing(readFile(this.#path(key)));
  }

  async download(key: string, path: string): Promise<boolean> {
    const done = copyFile(this.#path(key), path).then(() => true);
    return (await orMissing(done)) ?? false;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const found = await orMissing(stat(this.#path(key)));
    if (found === undefined || !found.isFile()) return undefined;
    return { key, bytes: found.size, version: `${found.mtimeMs}-${found.ino}` };
  }

  async page({ prefix, isCut }: PageRequest): Promise<Page> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    const entries = await orMissing(readdir(join(this.folder, folder), { withFileTypes: true, recursive: !isCut }));
    const found = (entries ?? []).map((entry) => {
      const key = join(entry.parentPath, entry.name).slice(join(this.folder, "/").length);
      return { key, isFolder: entry.isDirectory() };
    });
    const wanted = found.filter(({ key }) => key.startsWith(prefix) && !UNFINISHED.test(basename(key)));
    const keys = wanted.filter(({ isFolder }) => !isFolder).map(({ key }) => key);
    const objects: ObjectInfo[] = [];
    for (const key of keys.sort()) {
      const info = await this.head(key);
      if (info !== undefined) objects.push(info);
    }
    const folders = isCut ? wanted.filter(({ isFolder }) => isFolder).map(({ key }) => `${key}/`) : [];
    return { objects, folders: folders.sort() };
  }

  async copy(from: string, to: string): Promise<boolean> {
    if ((await this.head(from)) === undefined) return false;
    return this.put(to, { kind: "file", path: this.#path(from) }, false);
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  faultOf(thrown: unknown): Fault {
    const code = String(Reflect.get(Object(thrown), "code"));
    const kind = ["EACCES", "EPERM", "EROFS"].includes(code) ? "denied" : "other";
    return { kind, reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }

  #path(key: string): string {
    return join(this.folder, key);
  }
}

async function writeDurably(path: string, body: Body): Promise<void> {
  if (body.kind === "file") {
    await copyFile(body.path, path);
    return sync(path);
  }
  const file = await open(path, "wx");
  try {
    await file.writeFile(body.data);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined if the operation failed with this operating system code; an empty result is null. */
async function orMissing<T>(work: Promise<T>, code = "ENOENT"): Promise<T | undefined> {
  try {
    return (await work) ?? (null as T);
  } catch (cause) {
    if (Reflect.get(Object(cause), "code") === code) return undefined;
    throw cause;
  }
}
