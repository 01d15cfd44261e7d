import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filePath, topicFolder } from "../lake-layout.js";
import { DyingDisk, rowsIn, rowsOf, rowsUpTo, TextWriter, TOPIC } from "../testing/writer.js";
import { FolderDisk } from "./folder-disk.js";
import { listFiles } from "./list-files.js";
import { readEntry } from "./read-log.js";

const DAYS = ["2024-02-28", "2024-02-29"];

let lake: string;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
});

afterEach(() => rm(lake, { recursive: true, force: true }));

test("lists only the requested days, in order", async () => {
  const writer = new TextWriter(lake);
  await writer.add({ 0: 4 }, DAYS);
  await writer.add({ 0: 8 }, DAYS);
  const days = async (...wanted: string[]) => {
    const { files, positions } = await listFiles(lake, TOPIC, wanted);
    expect(positions).toEqual(new Map([[0, 8]]));
    return files.map(({ day, sequence }) => [day, sequence]);
  };
  expect(await days("2024-02-29")).toEqual([
    ["2024-02-29", 1],
    ["2024-02-29", 2],
  ]);
  expect(await days("2024-02-29", "2024-02-28")).toHaveLength(4);
  expect(await days("2024-03-01")).toEqual([]);
});

test("finds a file whose writer died before moving it", async () => {
  const writer = new TextWriter(lake);
  await writer.add({ 0: 4 }, DAYS);
  const folder = topicFolder(lake, TOPIC);
  const entry = await readEntry(writer.disk, folder, 1);
  const file = entry?.files.find(({ day }) => day === "2024-02-29");
  // Simulates a kill between adding the entry and moving its files.
  await rename(filePath(folder, "2024-02-29", 1), writer.log.stagedPath(file?.staged ?? ""));
  const after = await listFiles(lake, TOPIC);
  expect(after.files.map(({ path }) => path.includes("_staging"))).toEqual([false, true]);
  expect(await rowsOf(lake)).toEqual(rowsUpTo(new Map([[0, 4]])));
});

test("a compaction that died between its steps leaves each row once", async () => {
  const fill = async (writer: TextWriter) => {
    await writer.add({ 0: 4 }, DAYS);
    await writer.add({ 0: 8 }, DAYS);
  };
  await fill(new TextWriter(lake));
  const calm = new DyingDisk();
  await new TextWriter(lake, calm).merge(lake, "2024-02-29");
  for (let dieAt = 1; dieAt <= calm.operations; dieAt += 1) {
    await rm(lake, { recursive: true });
    await fill(new TextWriter(lake));
    await new TextWriter(lake, new DyingDisk(dieAt, true)).merge(lake, "2024-02-29").catch(() => {});
    expect(await rowsOf(lake)).toEqual(rowsUpTo(new Map([[0, 8]])));
  }
});

test("ignores other files in the folders", async () => {
  await new TextWriter(lake).add({ 0: 2 }, DAYS);
  const folder = topicFolder(lake, TOPIC);
  await writeFile(filePath(folder, "2024-02-29", 99), "0@99");
  await writeFile(join(folder, "day=2024-02-29", "_SUCCESS"), "0@98");
  await writeFile(join(folder, "notes.txt"), "0@97");
  expect(await rowsOf(lake)).toEqual(rowsUpTo(new Map([[0, 2]])));
});

test("a listing during writes is complete: every row below the positions, once", async () => {
  let isDone = false;
  const write = async () => {
    const writer = new TextWriter(lake);
    for (let end = 2; end <= 120; end += 2) {
      await writer.add({ 0: end, 1: end }, DAYS);
      if (end % 10 === 0) await writer.merge(lake, "2024-02-29");
    }
    isDone = true;
  };
  await new TextWriter(lake).add({ 0: 1 }, DAYS);
  const writing = write();
  let listings = 0;
  let rows: string[] | undefined;
  while (!isDone) {
    // The lake was too busy to list, or a file was merged between listing and reading: try again.
    const listing = await listFiles(lake, TOPIC).catch(() => undefined);
    if (listing === undefined) continue;
    const days = listing.files.map(({ day, sequence }) => `${day}/${sequence}`);
    expect(new Set(days).size).toBe(days.length);
    const texts = await Promise.all(listing.files.map(({ path }) => new DyingDisk().read(path)));
    if (texts.includes(undefined)) continue;
    rows = texts.flatMap((text) => (text ?? "").split("\n")).sort();
    expect(rows).toEqual(rowsUpTo(listing.positions));
    listings += 1;
  }
  await writing;
  expect(listings).toBeGreaterThan(0);
});

/** Merges a day after a reader has read the end of the log, but before it reads the folders. */
class LateDisk extends DyingDisk {
  #isMerged = false;

  override list = async (path: string): Promise<string[]> => {
    if (path === topicFolder(lake, TOPIC) && !this.#isMerged) {
      this.#isMerged = true;
      expect(await new TextWriter(lake).merge(lake, "2024-02-29")).toBe(true);
    }
    return new FolderDisk().list(path);
  };
}

test("a listing overtaken by a compaction starts again, so that no row is missing", async () => {
  const writer = new TextWriter(lake);
  await writer.add({ 0: 4 }, DAYS);
  await writer.add({ 0: 8 }, DAYS);
  // The last entry has no rows of the merged day.
  await writer.add({ 0: 9 }, DAYS);
  const listing = await listFiles(lake, TOPIC, undefined, new LateDisk());
  expect(await rowsIn(listing)).toEqual(rowsUpTo(new Map([[0, 9]])));
});

test.each([
  ["a topic that was never archived", "other", undefined, "not-found", "There is no archive of other in"],
  ["an invalid day", TOPIC, ["2023-02-29"], "invalid-field", "Specify days as YYYY-MM-DD"],
])("reports %s", async (_name, topic, days, code, words) => {
  await new TextWriter(lake).add({ 0: 2 }, DAYS);
  await expect(listFiles(lake, topic, days)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
});
