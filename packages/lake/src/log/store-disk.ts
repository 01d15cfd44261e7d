import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { StoreError } from "@tripline/object-store/object-store";
import type { CachedFile, FileCache } from "./file-cache.js";
import type { HeldFiles, LakeDisk } from "./lake-disk.js";
import { lakeUnavailable } from "./lake-disk.js";

/**
 * A lake in an object store. Paths are URLs below the store's URL. Files appear atomically, so nothing is synced, and
 * folders need not be created. A move consists of a copy and a removal; see
 * docs/adr/0032-the-lake-in-an-object-store.md.
 */
export class StoreDisk implements LakeDisk {
  readonly hasNoLateEffects = false;
  #isProved = false;

  constructor(
    private readonly store: ObjectStore,
    private readonly cache: FileCache,
  ) {}

  async makeFolder(_path: string): Promise<void> {}

  async sync(_path: string): Promise<void> {}

  async writeFile(path: string, text: string): Promise<void> {
    await attempt(() => this.store.put(this.#key(path), text));
  }

  async produce(path: string, write: (local: string) => Promise<void>): Promise<void> {
    const local = join(tmpdir(), `tripline-lake-${randomBytes(8).toString("hex")}.parquet`);
    try {
      await write(local);
      await attempt(() => this.store.upload(local, this.#key(path)));
    } finally {
      await rm(local, { force: true });
    }
  }

  async requireLinks(): Promise<void> {
    if (!this.#isProved) await attempt(() => this.store.requireConditions());
    this.#isProved = true;
  }

  async linkNew(from: string, to: string): Promise<boolean> {
    return attempt(async () => {
      const data = await this.store.get(this.#key(from));
      if (data === undefined) throw lakeUnavailable(`${to} cannot be created`, `${from} no longer exists`);
      return this.store.putIfAbsent(this.#key(to), data);
    });
  }

  async move(from: string, to: string): Promise<boolean> {
    return attempt(async () => {
      const isThere = await this.store.copy(this.#key(from), this.#key(to));
      if (isThere) await this.store.remove(this.#key(from));
      return isThere;
    });
  }

  async remove(path: string): Promise<void> {
    await attempt(() => this.store.remove(this.#key(path)));
  }

  async list(path: string, prefix = ""): Promise<string[]> {
    const folder = `${this.#key(path)}/`;
    const { objects, folders } = await attempt(() => this.store.listFolder(folder + prefix));
    const files = objects.map(({ key }) => key.slice(folder.length));
    return [...files, ...folders.map((name) => name.slice(folder.length, -1))];
  }

  async listSubfolders(path: string, prefix: string): Promise<ReadonlyMap<string, string[]>> {
    const folder = `${this.#key(path)}/`;
    const found = new Map<string, string[]>();
    await attempt(async () => {
      for await (const { key } of this.store.list(folder + prefix)) {
        const [name = "", file, ...deeper] = key.slice(folder.length).split("/");
        if (file === undefined || deeper.length > 0) continue;
        const names = found.get(name);
        if (names === undefined) found.set(name, [file]);
        else names.push(file);
      }
    });
    return found;
  }

  async sizes(path: string): Promise<ReadonlyMap<string, number>> {
    const prefix = `${this.#key(path)}/`;
    const { objects } = await attempt(() => this.store.listFolder(prefix));
    return new Map(objects.map(({ key, bytes }) => [key.slice(prefix.length), bytes]));
  }

  async read(path: string): Promise<string | undefined> {
    const data = await attempt(() => this.store.get(this.#key(path)));
    return data && Buffer.from(data).toString();
  }

  async exists(path: string): Promise<boolean> {
    return (await attempt(() => this.store.head(this.#key(path)))) !== undefined;
  }

  async hold(paths: readonly string[]): Promise<HeldFiles | undefined> {
    const files = await attempt(() => Promise.all(paths.map((path) => this.#cached(path))));
    const present = files.filter((file) => file !== undefined);
    if (present.length < paths.length) return undefined;
    return attempt(() => this.cache.hold(present));
  }

  async #cached(path: string): Promise<CachedFile | undefined> {
    const key = this.#key(path);
    const info = await this.store.head(key);
    if (info === undefined) return undefined;
    // A lake that was deleted and recreated has different contents under the same names.
    const id = `${path} ${info.version} ${info.bytes}`;
    return { id, bytes: info.bytes, fetch: (local) => this.store.download(key, local, info.bytes) };
  }

  #key(path: string): string {
    return path.slice(this.store.url.length + 1);
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof TriplineError)) throw lakeUnavailable("The lake cannot be used", cause);
    if (!cause.code.startsWith("store-")) throw cause;
    if (cause instanceof StoreError && cause.kind === "archived") throw archivedDay(cause);
    const detail = `${cause.message} Records that are not in the lake yet stay in Kafka.`;
    throw new TriplineError("lake-unavailable", detail, [], { cause });
  }
}

function archivedDay(cause: StoreError): TriplineError {
  const [, topic, day] = /([^/]+)\/day=(\d{4}-\d{2}-\d{2})\//.exec(cause.message) ?? [];
  const what = day === undefined ? "A file of the lake is" : `The files of ${topic} of ${day} are`;
  const detail = `${what} in an archive tier of the bucket, which cannot be read: restore them (docs/operations.md#an-archived-day), or read only newer days.`;
  return new TriplineError("lake-unavailable", detail, [], { cause });
}
