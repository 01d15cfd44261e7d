import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ObjectStore } from "@tripline/object-store/object-store";
import type { Body, PageRequest } from "@tripline/object-store/store-driver";
import { MemoryDriver } from "@tripline/object-store/testing/memory-driver";
import { stagingFolder, topicFolder } from "../lake-layout.js";
import { FileCache } from "../log/file-cache.js";
import { FolderDisk } from "../log/folder-disk.js";
import type { LakeDisk } from "../log/lake-disk.js";
import { StoreDisk } from "../log/store-disk.js";
import { DyingDisk, rowsOf, TextWriter, TOPIC } from "./writer.js";

const CACHE_BYTES = 10_000_000;

/** The lifetime of a writer, which ends at one of the writer's operations. */
export interface Life {
  readonly operations: number;
  readonly isDead: boolean;
}

/** For tests of a lake's guarantees, wherever the lake is stored. */
export abstract class TestLake {
  abstract readonly lake: string;
  /** A disk that does not fail. */
  abstract readonly disk: LakeDisk;

  abstract mortal(dieAt: number, isDone: boolean): { readonly disk: LakeDisk; readonly life: Life };
  /** Removes everything. */
  abstract clear(): Promise<void>;

  writer(disk: LakeDisk = this.mortal(Number.POSITIVE_INFINITY, false).disk): TextWriter {
    return new TextWriter(this.lake, disk, TOPIC, this.disk);
  }

  rows(): Promise<string[]> {
    return rowsOf(this.lake, this.disk);
  }

  staged(): Promise<string[]> {
    return this.disk.list(stagingFolder(topicFolder(this.lake, TOPIC)));
  }
}

export class FolderLake extends TestLake {
  readonly disk = new FolderDisk();

  private constructor(readonly lake: string) {
    super();
  }

  static async open(): Promise<FolderLake> {
    return new FolderLake(await mkdtemp(join(tmpdir(), "tripline-lake-test-")));
  }

  mortal(dieAt: number, isDone: boolean) {
    const disk = new DyingDisk(dieAt, isDone);
    return { disk, life: disk };
  }

  clear(): Promise<void> {
    return rm(this.lake, { recursive: true, force: true });
  }
}

/** A lake in an in-process object store. A move consists of two requests, so a writer can die between them. */
export class MemoryLake extends TestLake {
  readonly lake = "memory://lake";
  readonly driver = new MemoryDriver();
  /** Another lake has different files with the same names. */
  readonly #cache = join(tmpdir(), `tripline-lake-test-${randomBytes(8).toString("hex")}`);
  readonly disk = storeDisk(this.lake, this.driver, this.#cache);

  mortal(dieAt: number, isDone: boolean) {
    const life = new DyingDriver(this.driver, dieAt, isDone);
    return { disk: storeDisk(this.lake, life, this.#cache), life };
  }

  async clear(): Promise<void> {
    this.driver.objects.clear();
    await rm(this.#cache, { recursive: true, force: true });
  }
}

/** @param cache folder for copies of files that are read */
export function storeDisk(lake: string, driver: MemoryDriver, cache = join(tmpdir(), "tripline-lake-test")): StoreDisk {
  return new StoreDisk(new ObjectStore(lake, driver), new FileCache(cache, CACHE_BYTES));
}

/** The requests of one writer to a store that other writers also use. */
class DyingDriver extends MemoryDriver implements Life {
  operations = 0;

  constructor(
    private readonly shared: MemoryDriver,
    private readonly dieAt: number,
    private readonly isDone: boolean,
  ) {
    super();
  }

  get isDead(): boolean {
    return this.operations >= this.dieAt;
  }

  override put = (key: string, body: Body, isNew: boolean) => this.#step(() => this.shared.put(key, body, isNew));
  override get = (key: string) => this.#step(() => this.shared.get(key));
  override download = (key: string, path: string) => this.#step(() => this.shared.download(key, path));
  override head = (key: string) => this.#step(() => this.shared.head(key));
  override page = (request: PageRequest) => this.#step(() => this.shared.page(request));
  override copy = (from: string, to: string) => this.#step(() => this.shared.copy(from, to));
  override remove = (key: string) => this.#step(() => this.shared.remove(key));

  async #step<T>(work: () => Promise<T>): Promise<T> {
    this.operations += 1;
    if (this.operations < this.dieAt) return work();
    if (this.operations === this.dieAt && this.isDone) await work();
    throw new Error("dead");
  }
}
