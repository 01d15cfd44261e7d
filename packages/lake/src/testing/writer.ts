import { writeFile } from "node:fs/promises";
import { stagedDayPrefix, stagedRowsPrefix } from "../lake-layout.js";
import { FolderDisk } from "../log/folder-disk.js";
import type { LakeDisk } from "../log/lake-disk.js";
import type { LakeListing } from "../log/list-files.js";
import { listFiles } from "../log/list-files.js";
import { TopicLog } from "../log/topic-log.js";

/* Writers for tests. Their files contain one line of text per row instead of Parquet. */

export const TOPIC = "features";
export const SOURCE = { cluster: "c", topic: "p.features" };

/**
 * A disk that ends a writer's life at one of its operations, either before or after the operation takes effect, like a
 * kill. It makes nothing durable: the tests do not simulate power failures, and waiting for the disk would take most of
 * their time.
 */
export class DyingDisk extends FolderDisk {
  operations = 0;

  /** @param dieAt number of the last operation; `isDone` says whether it still takes effect */
  constructor(
    private readonly dieAt: number = Number.POSITIVE_INFINITY,
    private readonly isDone: boolean = false,
  ) {
    super();
  }

  get isDead(): boolean {
    return this.operations >= this.dieAt;
  }

  override makeFolder = (path: string) => this.#step(() => super.makeFolder(path));
  override writeFile = (path: string, text: string) => this.#step(() => writeFile(path, text, { flag: "wx" }));
  override sync = (_path: string) => this.#step(async () => {});
  override linkNew = (from: string, to: string) => this.#step(() => super.linkNew(from, to));
  override move = (from: string, to: string) => this.#step(() => super.move(from, to));
  override remove = (path: string) => this.#step(() => super.remove(path));
  override list = (path: string, prefix?: string) => this.#step(() => super.list(path, prefix));
  override sizes = (path: string) => this.#step(() => super.sizes(path));
  override read = (path: string) => this.#step(() => super.read(path));
  override exists = (path: string) => this.#step(() => super.exists(path));

  async #step<T>(work: () => Promise<T>): Promise<T> {
    this.operations += 1;
    // A dead process does nothing more, not even cleanup.
    if (this.operations < this.dieAt) return work();
    if (this.operations === this.dieAt && this.isDone) await work();
    throw new Error("dead");
  }
}

/** Small enough that the tests also kill some writers during a checkpoint. */
const CHECKPOINT_ENTRIES = 3;

let ids = 0;

function nextId(): string {
  ids += 1;
  return ids.toString(16).padStart(16, "0");
}

/** Adds the offsets [from, to) of partitions to the lake, cycling through the given days. */
export class TextWriter {
  readonly log: TopicLog;

  constructor(
    readonly lake: string,
    readonly disk: LakeDisk = new DyingDisk(),
    topic: string = TOPIC,
    /** Reads for a merge do not count as operations of the writer. */
    private readonly reader: LakeDisk = new FolderDisk(),
  ) {
    this.log = new TopicLog({ disk, lake, topic, source: SOURCE, checkpointEntries: CHECKPOINT_ENTRIES });
  }

  /** The change of one append, for which the files have been staged. */
  async stage(to: Readonly<Record<number, number>>, days: readonly string[]) {
    const ranges = new Map(
      Object.entries(to).map(([partition, end]) => {
        const from = this.log.positions.get(Number(partition)) ?? 0;
        return [Number(partition), { from, to: Math.max(from, end) }] as const;
      }),
    );
    const id = nextId();
    const [[partition, { from }] = [0, { from: 0 }]] = ranges;
    const prefix = stagedRowsPrefix(partition, from, id);
    const rows = [...ranges].flatMap(([number, range]) => {
      return Array.from({ length: range.to - range.from }, (_, index) => `${number}@${range.from + index}`);
    });
    const byDay = Map.groupBy(rows, (row) => days[Number(row.split("@")[1]) % days.length] ?? "");
    const files = [...byDay].map(([day, ofDay]) => ({ day, staged: `${prefix}-${day}.staged`, rows: ofDay.length }));
    for (const { day, staged } of files) {
      await this.disk.writeFile(this.log.stagedPath(staged), (byDay.get(day) ?? []).join("\n"));
    }
    return { id, prefix, ranges, files, replaces: [] };
  }

  async add(to: Readonly<Record<number, number>>, days: readonly string[]): Promise<boolean> {
    await this.log.refresh();
    return this.log.append(await this.stage(to, days));
  }

  /** Merges the files of a day; false if there is nothing to merge or another writer was faster. */
  async merge(lake: string, day: string): Promise<boolean> {
    await this.log.refresh();
    const { files } = await listFiles(lake, TOPIC, [day], this.reader);
    const [first] = files;
    if (first === undefined || files.length < 2) return false;
    const texts = await textsOf(this.reader, files);
    const id = nextId();
    const prefix = stagedDayPrefix(day, first.sequence, id);
    await this.disk.writeFile(this.log.stagedPath(`${prefix}.staged`), texts.join("\n"));
    return this.log.append({
      id,
      prefix,
      ranges: new Map(),
      files: [{ day, staged: `${prefix}.staged`, rows: texts.join("\n").split("\n").length }],
      replaces: files.map(({ sequence }) => ({ day, sequence })),
    });
  }
}

/** All rows of the lake as `partition@offset`, sorted, including duplicates. */
export async function rowsOf(lake: string, disk: LakeDisk = new FolderDisk()): Promise<string[]> {
  return rowsIn(await listFiles(lake, TOPIC, undefined, disk), disk);
}

export async function rowsIn({ files }: LakeListing, disk: LakeDisk = new FolderDisk()): Promise<string[]> {
  const texts = await textsOf(disk, files);
  return texts.flatMap((text) => text.split("\n")).sort();
}

async function textsOf(disk: LakeDisk, files: LakeListing["files"]): Promise<string[]> {
  return Promise.all(
    files.map(async ({ path }) => {
      const text = await disk.read(path);
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    }),
  );
}

export function rowsUpTo(ends: ReadonlyMap<number, number>): string[] {
  return [...ends].flatMap(([partition, end]) => Array.from({ length: end }, (_, at) => `${partition}@${at}`)).sort();
}
