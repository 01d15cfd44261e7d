import type { PageRequest } from "@tripline/object-store/store-driver";
import { MemoryDriver } from "@tripline/object-store/testing/memory-driver";
import { filesOfDay } from "../compact/compact-day.js";
import { countRows } from "../compact/count-rows.js";
import { checkpointPath, checkpointsFolder, entryPath, filePath, topicFolder } from "../lake-layout.js";
import { entryBefore } from "../read/counted-range.js";
import type { TestLake } from "../testing/lakes.js";
import { FolderLake, MemoryLake, storeDisk } from "../testing/lakes.js";
import { rowsUpTo, SOURCE, TOPIC } from "../testing/writer.js";
import { addCheckpoint, readCheckpoint } from "./checkpoint.js";
import { listFiles } from "./list-files.js";
import { readTail } from "./read-log.js";
import { TopicLog } from "./topic-log.js";

const DAYS = ["2024-02-28", "2024-02-29"];

/** Counts the requests of one reader, and can return outdated listings. */
class CountedDriver extends MemoryDriver {
  readonly requests: string[] = [];
  staleKeys: ReadonlySet<string> = new Set();

  constructor(shared: MemoryDriver) {
    super();
    for (const [key, object] of shared.objects) this.objects.set(key, object);
  }

  override get = (key: string) => {
    this.requests.push(`get ${key}`);
    return super.get(key);
  };
  override head = (key: string) => {
    this.requests.push(`head ${key}`);
    return super.head(key);
  };
  override page = async (request: PageRequest) => {
    this.requests.push(`list ${request.prefix}`);
    const page = await super.page(request);
    return { ...page, objects: page.objects.filter(({ key }) => !this.staleKeys.has(key)) };
  };
}

/** A log with this many entries, one per minute, and one file per day, as after compactions. */
async function longLog(lake: MemoryLake, entries: number, firstDay = "2021-01-01") {
  const folder = topicFolder(lake.lake, TOPIC);
  const put = (path: string, text: string) =>
    lake.driver.put(path.slice(lake.lake.length + 1), { kind: "bytes", data: Buffer.from(text) }, false);
  for (let number = 1; number <= entries; number += 1) {
    const day = new Date(Date.parse(firstDay) + Math.floor(number / 1_440) * 86_400_000).toISOString().slice(0, 10);
    const files = number % 1_440 === 0 ? [{ day, staged: `p0-${number}-x.staged`, rows: 5 }] : [];
    const id = number.toString(16).padStart(16, "0");
    const entry = { format: 1, id, source: SOURCE, positions: { 0: number }, files, replaces: [] };
    await put(entryPath(folder, number), JSON.stringify(entry));
    if (files.length > 0) await put(filePath(folder, day, number), "0@0");
  }
  return folder;
}

test("a log of 50,000 entries opens with few requests", async () => {
  const lake = new MemoryLake();
  const folder = await longLog(lake, 50_000);
  const log = new TopicLog({ disk: lake.disk, lake: lake.lake, topic: TOPIC, source: SOURCE });
  await log.refresh();
  expect(log.positions).toEqual(new Map([[0, 50_000]]));
  // The first entry that a version with checkpoints adds.
  const change = { id: "f".repeat(16), prefix: "p0-50000-f", files: [], replaces: [] };
  expect(await log.append({ ...change, ranges: new Map([[0, { from: 50_000, to: 50_001 }]]) })).toBe(true);

  const driver = new CountedDriver(lake.driver);
  const disk = storeDisk(lake.lake, driver);
  const spent = () => driver.requests.splice(0).length;
  expect((await readTail(disk, folder)).sequence).toBe(50_001);
  expect(spent()).toBeLessThanOrEqual(4);
  const { files, positions } = await listFiles(lake.lake, TOPIC, undefined, disk);
  expect([files.length, positions.get(0)]).toEqual([34, 50_001]);
  expect(spent()).toBeLessThanOrEqual(6);
  const reader = new TopicLog({ disk, lake: lake.lake, topic: TOPIC, source: SOURCE });
  await reader.refresh();
  expect(spent()).toBeLessThanOrEqual(6);
  // An entry that a listing does not include yet is found nevertheless.
  driver.staleKeys = new Set([entryPath(folder, 50_001).slice(lake.lake.length + 1)]);
  expect((await readTail(disk, folder)).sequence).toBe(50_001);
  await lake.clear();
});

test("finds an earlier entry of a long log with few requests", async () => {
  const lake = new MemoryLake();
  await longLog(lake, 3_000);
  const reads: string[] = [];
  const disk = storeDisk(lake.lake, new CountedDriver(lake.driver));
  const read = disk.read.bind(disk);
  disk.read = (path) => {
    reads.push(path);
    return read(path);
  };
  const before = (offset: number, last?: number) =>
    entryBefore(lake.lake, "features", new Map([[0, offset]]), last, disk);
  expect(await before(1_234)).toBe(1_234);
  expect(await before(0)).toBe(0);
  expect(await before(9_999)).toBe(3_000);
  expect(await before(1_234, 1_000)).toBe(1_000);
  expect(reads.length).toBeLessThan(60);
  await lake.clear();
});

describe.each([
  ["a folder", () => FolderLake.open()],
  ["an object store", async () => new MemoryLake()],
])("checkpoints in %s", (_name, open: () => Promise<TestLake>) => {
  let lake: TestLake;
  let folder: string;

  beforeEach(async () => {
    lake = await open();
    folder = topicFolder(lake.lake, TOPIC);
  });

  afterEach(() => lake.clear());

  async function fill(from: number, to: number): Promise<void> {
    const writer = lake.writer();
    for (let end = from; end <= to; end += 1) await writer.add({ 0: 4 * end }, DAYS);
  }

  const names = async () => (await lake.disk.list(checkpointsFolder(folder))).sort();
  const countAll = async () => {
    const days = await Promise.all(
      DAYS.map(async (day) => ({
        topic: TOPIC,
        day,
        files: await filesOfDay(lake.disk, folder, day),
        bytes: 0,
        mergeable: 0,
      })),
    );
    return countRows(lake.disk, lake.lake, days);
  };

  test("list the files of the log after merges; the newest two checkpoints are kept", async () => {
    await fill(1, 4);
    await lake.writer().merge(lake.lake, "2024-02-29");
    await fill(5, 9);
    const { sequence, files } = await readCheckpoint(lake.disk, folder);
    expect(sequence).toBeGreaterThanOrEqual(8);
    expect(files["2024-02-29"]?.[0]).toEqual([5, 8]);
    expect(await names()).toHaveLength(2);
    expect(await countAll()).toEqual([18, 18]);
    // Entries that the checkpoint includes are not needed.
    await lake.disk.remove(entryPath(folder, 1));
    expect(await countAll()).toEqual([18, 18]);
  });

  test.each([
    ["half-written", '{"format":1,"id":"0000'],
    ["empty", ""],
    ["of a newer format", JSON.stringify({ format: 2, id: "0".repeat(16), files: {} })],
    ["of another log", JSON.stringify({ format: 1, id: "e".repeat(16), files: { "2024-02-29": [[1, 99]] } })],
  ])("are ignored if they are %s, and the next one is complete", async (_what, text) => {
    await fill(1, 7);
    for (const name of await names()) {
      const path = `${checkpointsFolder(folder)}/${name}`;
      await lake.disk.remove(path);
      await lake.disk.writeFile(path, text);
    }
    expect((await readTail(lake.disk, folder)).sequence).toBe(7);
    expect(await countAll()).toEqual([14, 14]);
    await fill(8, 12);
    expect((await readCheckpoint(lake.disk, folder)).sequence).toBeGreaterThanOrEqual(8);
    expect(await countAll()).toEqual([24, 24]);
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 48]])));
  });

  test("of a deleted lake do not hide the new lake, and are removed", async () => {
    await fill(1, 2);
    await lake.disk.makeFolder(checkpointsFolder(folder));
    for (const old of [900, 2_000, 3_000]) await lake.disk.writeFile(checkpointPath(folder, old), "{}");
    expect((await readTail(lake.disk, folder)).sequence).toBe(2);
    await fill(3, 5);
    expect(await names()).toEqual(["0000000000000003.json"]);
  });

  test("concurrent writers add one checkpoint", async () => {
    await fill(1, 2);
    const tail = await readTail(lake.disk, folder);
    if (tail.entry === undefined) throw new Error("no entry");
    const { sequence, entry } = tail;
    const all = [1, 2, 3, 4].map(() => addCheckpoint(lake.disk, folder, { sequence, entry }, 1));
    expect(await Promise.all(all)).toEqual([2, 2, 2, 2]);
    expect(await names()).toEqual(["0000000000000002.json"]);
    expect((await readCheckpoint(lake.disk, folder)).files["2024-02-28"]).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(await lake.staged()).toEqual([]);
  });

  test("a lake whose checkpoints were all removed opens from its entries", async () => {
    await fill(1, 7);
    for (const name of await names()) await lake.disk.remove(`${checkpointsFolder(folder)}/${name}`);
    expect((await readTail(lake.disk, folder)).sequence).toBe(7);
    expect(await countAll()).toEqual([14, 14]);
  });
});

test("are optional: a store that rejects them still receives the rows", async () => {
  const lake = new MemoryLake();
  const put = lake.driver.put.bind(lake.driver);
  let rejected = 0;
  lake.driver.put = async (key, body, isNew) => {
    if (!key.includes("/_checkpoints/")) return put(key, body, isNew);
    rejected += 1;
    throw new Error("denied");
  };
  const writer = lake.writer();
  for (let end = 3; end <= 21; end += 3) expect(await writer.add({ 0: end }, DAYS)).toBe(true);
  expect(rejected).toBeGreaterThan(0);
  expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 21]])));
  expect(await lake.staged()).toEqual([]);
  await lake.clear();
});
