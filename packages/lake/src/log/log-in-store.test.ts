import { tmpdir } from "node:os";
import type { Body, PageRequest } from "@tripline/object-store/store-driver";
import { MemoryDriver } from "@tripline/object-store/testing/memory-driver";
import { dayFolder, topicFolder } from "../lake-layout.js";
import { MemoryLake, storeDisk } from "../testing/lakes.js";
import type { TextWriter } from "../testing/writer.js";
import { rowsUpTo, TOPIC } from "../testing/writer.js";
import { listFiles } from "./list-files.js";

const DAYS = ["2024-02-28", "2024-02-29", "2024-03-01"];

/** One writer's access to a store that others also use. */
class SharedDriver extends MemoryDriver {
  constructor(protected readonly shared: MemoryDriver) {
    super();
  }

  override put = (key: string, body: Body, isNew: boolean) => this.shared.put(key, body, isNew);
  override get = (key: string) => this.shared.get(key);
  override head = (key: string) => this.shared.head(key);
  override page = (request: PageRequest) => this.shared.page(request);
  override copy = (from: string, to: string) => this.shared.copy(from, to);
  override remove = (key: string) => this.shared.remove(key);
}

/** A store whose copies become visible only once the test releases them. */
class SlowCopies extends SharedDriver {
  readonly begun = Promise.withResolvers<void>();
  readonly released = Promise.withResolvers<void>();

  override copy = async (from: string, to: string) => {
    const data = await this.shared.get(from);
    if (data === undefined) return false;
    this.begun.resolve();
    await this.released.promise;
    return this.shared.put(to, { kind: "bytes", data }, false);
  };
}

/**
 * A store that does not respond to the request for the first log entry, and creates the entry when the test says so.
 */
class LateEntry extends SharedDriver {
  carryOut: (() => Promise<boolean>) | undefined;

  override put = async (key: string, body: Body, isNew: boolean) => {
    const put = () => this.shared.put(key, body, isNew);
    if (!key.includes("/_log/") || this.carryOut !== undefined) return put();
    this.carryOut = put;
    throw new Error("no answer");
  };
}

describe("an entry created after its writer gave up", () => {
  let lake: MemoryLake;
  let writer: TextWriter;
  let driver: LateEntry;

  beforeEach(async () => {
    lake = new MemoryLake();
    driver = new LateEntry(lake.driver);
    writer = lake.writer(storeDisk(lake.lake, driver));
    await expect(writer.add({ 0: 4 }, DAYS)).rejects.toThrow("no answer");
  });

  afterEach(async () => {
    expect(await lake.staged()).toEqual([]);
  });

  test("still has its rows", async () => {
    expect(await driver.carryOut?.()).toBe(true);
    await lake.writer().log.refresh();
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 4]])));
  });

  test("precedes the retry of the same rows, which adds none of them again", async () => {
    await writer.log.refresh();
    const retry = await writer.stage({ 0: 6 }, DAYS);
    expect(await driver.carryOut?.()).toBe(true);
    expect(await writer.log.append(retry)).toBe(false);
    expect(writer.log.positions).toEqual(new Map([[0, 4]]));
    expect(await writer.add({ 0: 6 }, DAYS)).toBe(true);
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 6]])));
  });

  test("is rejected because the retry took its number and removed its rows", async () => {
    expect(await writer.add({ 0: 6 }, DAYS)).toBe(true);
    expect(await driver.carryOut?.()).toBe(false);
    expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 6]])));
  });
});

test("rejects an unsuitable store each time, and keeps no rows", async () => {
  const lake = new MemoryLake();
  class Careless extends SharedDriver {
    override put = (key: string, body: Body) => this.shared.put(key, body, false);
  }
  const writer = lake.writer(storeDisk(lake.lake, new Careless(lake.driver)));
  for (let tries = 0; tries < 2; tries += 1) {
    await expect(writer.add({ 0: 4 }, DAYS)).rejects.toThrow("ignores If-None-Match");
    expect(await lake.staged()).toEqual([]);
  }
});

test("the error for a day in an archive tier names the day and the remedy", async () => {
  const lake = new MemoryLake();
  await lake.writer().add({ 0: 3 }, ["2024-02-29"]);
  class Archived extends SharedDriver {
    override download = () => Promise.reject(new Error("InvalidObjectState"));
    override faultOf = () => ({ kind: "archived" as const, reason: "InvalidObjectState" });
  }
  const disk = storeDisk(lake.lake, new Archived(lake.driver), `${tmpdir()}/tripline-lake-test-archived`);
  const { files } = await listFiles(lake.lake, TOPIC, undefined, disk);
  await expect(disk.hold(files.map(({ path }) => path))).rejects.toMatchObject({
    code: "lake-unavailable",
    message: expect.stringMatching(/^The files of features of 2024-02-29 are in an archive tier .*: restore them/),
  });
  await lake.clear();
});

test("a copy that completes after its file was merged restores no row", async () => {
  const lake = new MemoryLake();
  const quick = lake.writer();
  await quick.add({ 0: 3 }, ["2024-02-29"]);
  const driver = new SlowCopies(lake.driver);
  const slow = lake.writer(storeDisk(lake.lake, driver));
  const adding = slow.add({ 0: 6 }, ["2024-02-29"]);
  await driver.begun.promise;
  // Completes what the slow writer started, and merges it.
  expect(await quick.merge(lake.lake, "2024-02-29")).toBe(true);
  driver.released.resolve();
  expect(await adding).toBe(true);
  const day = dayFolder(topicFolder(lake.lake, TOPIC), "2024-02-29");
  expect((await lake.disk.list(day)).sort()).toContain("0000000000000002.parquet");
  const six = rowsUpTo(new Map([[0, 6]]));
  expect(await lake.rows()).toEqual(six);
  await quick.add({ 0: 9 }, ["2024-02-29"]);
  expect(await quick.merge(lake.lake, "2024-02-29")).toBe(true);
  expect(await lake.rows()).toEqual(rowsUpTo(new Map([[0, 9]])));
  expect((await lake.disk.list(day)).filter((name) => name.endsWith(".parquet"))).toEqual(["0000000000000005.parquet"]);
});
