import { readFile, writeFile } from "node:fs/promises";
import { dayFolder, mergedFolder, publishedFolder, topicFolder } from "../lake-layout.js";
import { readEntry } from "../log/read-log.js";
import type { TestLake } from "../testing/lakes.js";
import { FolderLake, MemoryLake } from "../testing/lakes.js";
import { rowsUpTo, TOPIC } from "../testing/writer.js";
import { filesOfDay } from "./compact-day.js";
import type { CompactLakeOptions } from "./compact-lake.js";
import { compactLake, readDays } from "./compact-lake.js";

const DAYS = ["2024-02-28", "2024-02-29"];
/** A flush writes files of about 15 bytes. */
const LIMITS = { bytesMax: 60, filesMax: 5, filesMin: 2 };

const HOUR_MS = 3_600_000;

const merger = {
  async merge(paths: readonly string[], target: string): Promise<number> {
    const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
    const rows = texts.flatMap((text) => text.split("\n"));
    await writeFile(target, rows.join("\n"), { flag: "wx" });
    return rows.length;
  },
};

describe.each([
  ["a folder", () => FolderLake.open()],
  ["an object store", async () => new MemoryLake()],
])("a lake in %s", (_name, open: () => Promise<TestLake>) => {
  let lake: TestLake;
  let end: number;

  beforeEach(async () => {
    lake = await open();
    end = 0;
  });

  afterEach(() => lake.clear());

  /** Writes this many flushes of six rows each. */
  async function fill(flushes: number): Promise<void> {
    const writer = lake.writer();
    for (let flush = 0; flush < flushes; flush += 1) {
      end += 6;
      await writer.add({ 0: end }, DAYS);
    }
  }

  const compact = (change: Partial<CompactLakeOptions> = {}) =>
    compactLake({ disk: lake.disk, lake: lake.lake, limits: LIMITS, merger, isWanted: () => true, ...change });
  const folder = () => topicFolder(lake.lake, TOPIC);
  const filesOf = (day: string) => filesOfDay(lake.disk, folder(), day);
  const expectEachOnce = async () => expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, end]])));
  const names = (day: string) => lake.disk.list(dayFolder(folder(), day));

  test("merges a day into several files up to the size limit, and full files are not merged again", async () => {
    await fill(12);
    expect(await compact()).toMatchObject({ days: 2, files: expect.any(Number), daysLeft: 0, failure: null });
    const first = await filesOf("2024-02-29");
    expect(first.length).toBeGreaterThan(2);
    expect(first.length).toBeLessThan(6);
    expect(first.every(({ bytes }) => bytes <= LIMITS.bytesMax)).toBe(true);
    await expectEachOnce();
    expect(await compact()).toMatchObject({ files: 0, merged: 0 });
    await fill(3);
    expect((await compact()).files).toBeGreaterThan(0);
    const full = first.filter(({ bytes }) => bytes >= LIMITS.bytesMax / 2);
    expect(await filesOf("2024-02-29")).toEqual(expect.arrayContaining(full));
    expect((await names("2024-02-29")).filter((name) => name.endsWith(".parquet"))).toHaveLength(
      (await filesOf("2024-02-29")).length,
    );
    await expectEachOnce();
    expect(await lake.staged()).toEqual([]);
  });

  /** Like a publisher that has created the topic's Iceberg table. */
  async function publish(): Promise<void> {
    const metadata = `${publishedFolder(lake.lake)}/${TOPIC}/metadata`;
    await lake.disk.makeFolder(metadata);
    await lake.disk.writeFile(`${metadata}/00000.metadata.json`, "{}");
  }

  test("regression #29: readers of an Iceberg table can read merged files for 25 hours", async () => {
    await publish();
    await fill(12);
    const before = await names("2024-02-29");
    const nowMs = Date.now();
    expect(await compact({ nowMs })).toMatchObject({ days: 2, failure: null });
    const compacted = await filesOf("2024-02-29");
    for (const hours of [0, 24]) {
      expect(await compact({ nowMs: nowMs + hours * HOUR_MS })).toMatchObject({ files: 0, failure: null });
      expect(await names("2024-02-29")).toEqual(expect.arrayContaining(before));
      expect(await filesOf("2024-02-29")).toEqual(compacted);
      await expectEachOnce();
    }
    await compact({ nowMs: nowMs + 26 * HOUR_MS });
    const files = (await names("2024-02-29")).filter((name) => name.endsWith(".parquet"));
    expect(files).toHaveLength(compacted.length);
    expect(await lake.disk.list(mergedFolder(folder()))).toEqual([]);
    await expectEachOnce();
  });

  test.each([
    ["", async () => {}, 3],
    [" of a published lake", publish, 11],
  ])(
    "a run%s that dies at any operation leaves each row once, and the next one finishes the work",
    async (_, prepare, step) => {
      await prepare();
      await fill(9);
      await compact();
      for (const isDone of [true, false]) {
        for (let dieAt = 1; ; dieAt += step) {
          await fill(3);
          const { disk, life } = lake.mortal(dieAt, isDone);
          await compact({ disk }).catch(() => {});
          await expectEachOnce();
          if (!life.isDead) break;
          await compact();
          await expectEachOnce();
        }
      }
      await compact();
      expect(await lake.staged()).toEqual([]);
      expect(
        (await readDays({ disk: lake.disk, lake: lake.lake, limits: LIMITS, isWanted: () => true }))[0],
      ).toMatchObject({
        mergeable: 0,
      });
    },
  );

  test("concurrent runs, while the archive service writes, leave each row once", async () => {
    await fill(12);
    const runs = Promise.all([compact(), compact(), compact()]);
    await fill(6);
    for (const { failure } of await runs) expect(failure).toBeNull();
    await compact();
    await expectEachOnce();
    expect(await lake.staged()).toEqual([]);
    for (const day of DAYS) expect((await filesOf(day)).length).toBeLessThan(9);
  });

  test("compacts only the requested days of the requested topics, and stops when its time is up", async () => {
    await fill(12);
    const before = await filesOf("2024-02-28");
    const seen: string[] = [];
    const run = await compact({
      isWanted: (day) => day === "2024-02-29",
      isOver: () => seen.length === 1,
      onMerge: ({ day, doneBytes, totalBytes }) => seen.push(`${day} ${doneBytes < totalBytes}`),
    });
    expect(seen).toEqual(["2024-02-29 true"]);
    expect(run).toMatchObject({ days: 0, merged: 1, daysLeft: 1 });
    expect(await filesOf("2024-02-28")).toEqual(before);
    expect(await compact({ topics: [TOPIC], isWanted: () => false })).toMatchObject({ merged: 0, daysLeft: 0 });
    await expect(compact({ topics: ["labels"] })).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("There is no archive of labels in"),
    });
    expect(await lake.disk.list(topicFolder(lake.lake, "labels"))).toEqual([]);
  });

  test("skips a day that cannot be read, and says why", async () => {
    await fill(8);
    const failing = {
      // Even offsets belong to the first day.
      merge: async (paths: readonly string[], target: string) => {
        const text = await readFile(paths[0] ?? "", "utf8");
        if (Number(text.split("\n")[0]?.split("@")[1]) % 2 === 0) throw new Error("it is in an archive tier");
        return merger.merge(paths, target);
      },
    };
    const { failure, days, daysLeft } = await compact({ merger: failing });
    expect(failure).toMatch(/^features, 2024-02-28: .*it is in an archive tier/);
    expect([days, daysLeft]).toEqual([1, 1]);
    await expectEachOnce();
    expect(await lake.staged()).toEqual([]);
  });

  test("does not restore a day that was deleted in the meantime", async () => {
    await fill(8);
    const deleting = {
      async merge(paths: readonly string[], target: string): Promise<number> {
        const rows = await merger.merge(paths, target);
        for (const day of DAYS) {
          for (const name of await names(day)) await lake.disk.remove(`${dayFolder(folder(), day)}/${name}`);
        }
        return rows;
      },
    };
    expect(await compact({ merger: deleting })).toMatchObject({ merged: 0, failure: null });
    for (const day of DAYS) expect(await filesOf(day)).toEqual([]);
    expect(await lake.staged()).toEqual([]);
  });
});

test("a release that would remove files not listed in an entry cannot read that entry (object store)", async () => {
  const lake = new MemoryLake();
  const writer = lake.writer();
  for (let flush = 1; flush <= 8; flush += 1) await writer.add({ 0: 6 * flush }, DAYS);
  const options = { disk: lake.disk, lake: lake.lake, limits: LIMITS, merger, isWanted: () => true };
  await compactLake(options);
  for (let flush = 9; flush <= 12; flush += 1) await writer.add({ 0: 6 * flush }, DAYS);
  await writer.log.refresh();
  const before = writer.log.sequence;
  await compactLake(options);
  const folder = topicFolder(lake.lake, TOPIC);
  const first = await readEntry(lake.disk, folder, 9);
  const later = await readEntry(lake.disk, folder, before + 1);
  expect([first?.format, later?.format]).toEqual([1, 2]);
  await lake.clear();
});
