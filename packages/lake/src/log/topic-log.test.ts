import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { entryPath, logFolder, stagingFolder, topicFolder } from "../lake-layout.js";
import type { TestLake } from "../testing/lakes.js";
import { FolderLake, MemoryLake } from "../testing/lakes.js";
import { rowsIn, rowsOf, rowsUpTo, SOURCE, TextWriter, TOPIC } from "../testing/writer.js";
import { FolderDisk } from "./folder-disk.js";
import type { LakeDisk } from "./lake-disk.js";
import { listFiles } from "./list-files.js";
import { TopicLog } from "./topic-log.js";

const DAYS = ["2024-02-28", "2024-02-29", "2024-03-01"];

const entryNames = (lake: string, disk: LakeDisk) => disk.list(logFolder(topicFolder(lake, TOPIC)));

/** Adds the offsets of two partitions up to `end` to the lake, with days and a merge in between. */
async function fill(writer: TextWriter, end: number): Promise<void> {
  for (let at = 3; at <= end; at += 3) {
    await writer.log.refresh();
    const isThere = [0, 1].every((partition) => (writer.log.positions.get(partition) ?? 0) >= at);
    if (!isThere) await writer.add({ 0: at, 1: at }, DAYS);
    if (at % 2 === 0) await writer.merge(writer.lake, "2024-02-29");
  }
}

describe.each([
  ["a folder", () => FolderLake.open()],
  ["an object store", async () => new MemoryLake()],
])("a lake in %s", (_name, open: () => Promise<TestLake>) => {
  let lake: TestLake;

  beforeEach(async () => {
    lake = await open();
  });

  afterEach(() => lake.clear());

  const listed = (days?: readonly string[]) => listFiles(lake.lake, TOPIC, days, lake.disk);

  test("stores added rows once, by day, and updates the positions", async () => {
    const writer = lake.writer();
    expect(await writer.add({ 0: 4, 2: 3 }, DAYS)).toBe(true);
    expect(await writer.add({ 0: 5 }, DAYS)).toBe(true);
    const { files, positions } = await listed();
    expect(positions).toEqual(
      new Map([
        [0, 5],
        [2, 3],
      ]),
    );
    expect(files.map(({ day, sequence }) => [day, sequence])).toEqual([
      ["2024-02-28", 1],
      ["2024-02-29", 1],
      ["2024-02-29", 2],
      ["2024-03-01", 1],
    ]);
    expect(await lake.rows()).toEqual(rowsUpTo(positions));
    expect(await lake.staged()).toEqual([]);
    expect(await entryNames(lake.lake, lake.disk)).toHaveLength(2);
  });

  test("only one of two writers at the same position adds rows, and the other learns the new position", async () => {
    const [one, other] = [lake.writer(), lake.writer()];
    await one.log.refresh();
    await other.log.refresh();
    const slow = await other.stage({ 0: 9 }, DAYS);
    expect(await one.add({ 0: 4 }, DAYS)).toBe(true);
    expect(await other.log.append(slow)).toBe(false);
    expect(other.log.positions).toEqual(new Map([[0, 4]]));
    expect(await lake.staged()).toEqual([]);
    expect(await other.add({ 0: 9 }, DAYS)).toBe(true);
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 9]])));
  });

  test("writers of different partitions do not conflict", async () => {
    const writers = [0, 1, 2, 3].map(() => lake.writer());
    await Promise.all(
      writers.map(async (writer, partition) => {
        for (let end = 5; end <= 50; end += 5) expect(await writer.add({ [partition]: end }, DAYS)).toBe(true);
      }),
    );
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([0, 1, 2, 3].map((partition) => [partition, 50]))));
    expect(await entryNames(lake.lake, lake.disk)).toHaveLength(40);
  });

  test("positions advance without rows if all records were dead letters", async () => {
    const writer = lake.writer();
    await writer.log.refresh();
    const change = { ...(await writer.stage({ 0: 0 }, DAYS)), ranges: new Map([[0, { from: 0, to: 3 }]]), files: [] };
    expect(await writer.log.append(change)).toBe(true);
    expect((await listed()).positions).toEqual(new Map([[0, 3]]));
  });

  test("keeps the staged files of a slow writer as long as they can still be added", async () => {
    const [slow, quick] = [lake.writer(), lake.writer()];
    await slow.log.refresh();
    const change = await slow.stage({ 0: 4 }, DAYS);
    // Other writers add entries, and a new process starts: neither advances partition 0.
    await quick.add({ 1: 4 }, DAYS);
    await lake.writer().log.refresh();
    expect(await slow.log.append(change)).toBe(true);
    expect(await lake.rows()).toHaveLength(8);
  });

  test("removes the staged files of a dead writer once the lake's position is past their start", async () => {
    const dead = lake.writer();
    await dead.log.refresh();
    await dead.stage({ 0: 4 }, DAYS);
    const next = lake.writer();
    await next.log.refresh();
    expect(await lake.staged()).toHaveLength(3);
    await next.add({ 0: 6 }, DAYS);
    expect(await lake.staged()).toEqual([]);
  });

  test("a writer that dies at any operation neither loses nor duplicates a row", async () => {
    const calm = lake.mortal(Number.POSITIVE_INFINITY, false);
    await fill(lake.writer(calm.disk), 6);
    const { operations } = calm.life;
    expect(operations).toBeGreaterThan(60);
    for (let dieAt = 1; dieAt <= operations; dieAt += 1) {
      for (const isDone of [false, true]) {
        await lake.clear();
        const { disk, life } = lake.mortal(dieAt, isDone);
        await fill(lake.writer(disk), 6).catch(() => {});
        expect(life.isDead).toBe(true);
        const half = await listed().catch(() => undefined);
        if (half !== undefined) expect(await rowsIn(half, lake.disk)).toEqual(rowsUpTo(half.positions));
        await fill(lake.writer(), 12);
        const whole = new Map([0, 1].map((partition) => [partition, 12]));
        expect([dieAt, isDone, await lake.rows()]).toEqual([dieAt, isDone, rowsUpTo(whole)]);
        expect([dieAt, isDone, await lake.staged()]).toEqual([dieAt, isDone, []]);
      }
    }
  });

  test("no row is lost or duplicated while writers of the same partitions die and are replaced", async () => {
    const goal = 24;
    const deaths = fc.array(fc.record({ dieAt: fc.integer({ min: 1, max: 60 }), isDone: fc.boolean() }), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(deaths, { minLength: 2, maxLength: 3 }), async (lives) => {
        await lake.clear();
        await Promise.all(
          lives.map(async (deathsOfOne) => {
            for (const { dieAt, isDone } of deathsOfOne) {
              await fill(lake.writer(lake.mortal(dieAt, isDone).disk), goal).catch(() => {});
            }
            await fill(lake.writer(), goal).catch((error: unknown) => {
              // A text merge reads files that another one may have replaced: it gives up, as intended.
              if (!String(error).includes("ENOENT")) throw error;
            });
          }),
        );
        await fill(lake.writer(), goal);
        expect(await lake.rows()).toEqual(rowsUpTo(new Map([0, 1].map((partition) => [partition, goal]))));
      }),
      { numRuns: 25 },
    );
  });

  test("performs only one of several concurrent compactions of a day", async () => {
    const writer = lake.writer();
    for (const end of [3, 6, 9]) await writer.add({ 0: end }, DAYS);
    const merges = await Promise.all(
      [1, 2, 3].map(() =>
        lake
          .writer()
          .merge(lake.lake, "2024-02-29")
          .catch(() => false),
      ),
    );
    expect(merges.filter((isDone) => isDone)).toHaveLength(1);
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 9]])));
    expect((await listed(["2024-02-29"])).files.map(({ sequence }) => sequence)).toEqual([4]);
  });
});

/**
 * Fails once, in one method, for paths with a given suffix. As on a real disk, the operation may have succeeded.
 */
class FailingDisk extends FolderDisk {
  constructor(
    private readonly method: "sync" | "linkNew",
    private readonly end: string,
    private readonly isDone: boolean,
    private left = 1,
  ) {
    super();
  }

  override sync = (path: string) => this.#at("sync", path, () => super.sync(path));
  override linkNew = (from: string, to: string) => this.#at("linkNew", to, () => super.linkNew(from, to));

  async #at<T>(method: string, path: string, work: () => Promise<T>): Promise<T> {
    if (method !== this.method || !path.endsWith(this.end) || this.left-- !== 1) return work();
    if (this.isDone) await work();
    throw new Error("an error of the disk");
  }
}

describe("a lake in a folder", () => {
  let lake: string;

  beforeEach(async () => {
    lake = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
  });

  afterEach(() => rm(lake, { recursive: true, force: true }));

  const stagedNames = () => readdir(stagingFolder(topicFolder(lake, TOPIC)));

  test.each([
    ["the entry has its number already", "linkNew", "01.json", true, 4],
    ["the entry has its number, but that is not durable", "sync", "_log", true, 4],
    ["the entry has no number", "linkNew", "01.json", false, 0],
    ["nothing was tried yet", "sync", "_staging", false, 0],
  ] as const)("detects the outcome of a failed write, and keeps or removes the files: %s", async (...row) => {
    const [, method, end, isDone, position] = row;
    // Folders are created first, so that only the append encounters the error.
    await new TextWriter(lake).log.refresh();
    const writer = new TextWriter(lake, new FailingDisk(method, end, isDone));
    await writer.log.refresh();
    const change = await writer.stage({ 0: 4 }, DAYS);
    await expect(writer.log.append(change)).rejects.toThrow("an error of the disk");
    await writer.log.refresh();
    expect(writer.log.positions.get(0) ?? 0).toBe(position);
    if (position === 0) expect(await stagedNames()).toEqual([]);
    expect(await writer.add({ 0: 7 }, DAYS)).toBe(true);
    expect(await rowsOf(lake)).toEqual(rowsUpTo(new Map([[0, 7]])));
  });

  test("rejects a change that would move a partition back", async () => {
    const writer = new TextWriter(lake);
    await writer.add({ 0: 3 }, DAYS);
    const change = { ...(await writer.stage({ 0: 3 }, DAYS)), ranges: new Map([[0, { from: 3, to: 2 }]]) };
    await expect(writer.log.append(change)).rejects.toMatchObject({ code: "internal" });
  });

  test("rejects a lake of a different Kafka cluster or topic, and says what to do", async () => {
    await new TextWriter(lake).add({ 0: 3 }, DAYS);
    const other = { ...SOURCE, cluster: "other" };
    const log = new TopicLog({ disk: new FolderDisk(), lake, topic: TOPIC, source: other });
    await expect(log.refresh()).rejects.toMatchObject({
      code: "state-conflict",
      message: expect.stringContaining("Set LAKE_URL to another location"),
    });
  });

  test.each([
    ["invalid JSON", "{", "cannot be read by this version"],
    ["a newer format", JSON.stringify({ format: 3 }), "format"],
  ])("an entry that is %s stops the log with its path", async (_name, text, words) => {
    await new TextWriter(lake).add({ 0: 3 }, DAYS);
    const path = entryPath(topicFolder(lake, TOPIC), 2);
    await writeFile(path, text);
    const failure = { code: "state-unreadable", message: expect.stringMatching(new RegExp(`${path}.*${words}`)) };
    await expect(new TextWriter(lake).log.refresh()).rejects.toMatchObject(failure);
    await expect(listFiles(lake, TOPIC)).rejects.toMatchObject(failure);
  });

  test("adds nothing to a lake that was changed by hand, and reports a lost file", async () => {
    const writer = new TextWriter(lake);
    await writer.add({ 0: 3 }, DAYS);
    const change = await writer.stage({ 0: 6 }, DAYS);
    await rm(entryPath(writer.log.folder, 1));
    await expect(writer.log.append(change)).rejects.toMatchObject({ code: "state-conflict" });
    expect(await entryNames(lake, new FolderDisk())).toEqual([]);

    await rm(lake, { recursive: true });
    await writer.add({ 0: 3 }, DAYS);
    const [file] = (await listFiles(lake, TOPIC)).files;
    await rm(file?.path ?? "");
    await expect(new TextWriter(lake).log.refresh()).rejects.toMatchObject({
      code: "state-unreadable",
      message: expect.stringContaining("Restore it from a copy"),
    });
  });

  test("reports in one sentence that the lake is not writable, and continues once that is fixed", async () => {
    await writeFile(join(lake, TOPIC), "a file where a folder should be");
    const writer = new TextWriter(lake);
    await expect(writer.add({ 0: 3 }, DAYS)).rejects.toMatchObject({
      code: "lake-unavailable",
      message: expect.stringMatching(/^The folder .* cannot be created: .*Free disk space in the lake's folder.*\.$/),
    });
    await rm(join(lake, TOPIC));
    expect(await writer.add({ 0: 3 }, DAYS)).toBe(true);
  });
});
