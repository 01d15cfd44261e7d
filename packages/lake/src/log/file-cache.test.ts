import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileCache } from "./file-cache.js";

let folder: string;
let fetched: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-cache-test-"));
  fetched = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A file of 10 bytes. */
const fileOf = (id: string) => ({
  id,
  bytes: 10,
  async fetch(path: string) {
    fetched.push(id);
    await writeFile(path, id.padEnd(10));
    return true;
  },
});

const cached = async () => (await readdir(folder)).filter((name) => name.endsWith(".parquet"));

test("fetches a file once, even across processes, and evicts the least recently used", async () => {
  const cache = new FileCache(folder, 25);
  await (await cache.hold([fileOf("a"), fileOf("b")]))?.release();
  await (await new FileCache(folder, 25).hold([fileOf("a")]))?.release();
  expect(fetched.sort()).toEqual(["a", "b"]);
  await (await cache.hold([fileOf("c")]))?.release();
  expect(await cached()).toHaveLength(2);
  await (await cache.hold([fileOf("a"), fileOf("c")]))?.release();
  expect(fetched.sort()).toEqual(["a", "b", "c"]);
});

test("a held file can be read after its eviction, and is deleted when released", async () => {
  const cache = new FileCache(folder, 10);
  const held = await cache.hold([fileOf("a")]);
  await (await cache.hold([fileOf("b")]))?.release();
  expect(await readFile(held?.paths[0] ?? "", "utf8")).toBe("a         ");
  await held?.release();
  expect(await readdir(folder)).toHaveLength(1);
});

/** Other systems do not report when a process started. */
const onLinux = process.platform === "linux" ? test : test.skip;

async function isRemoved(held: string): Promise<boolean> {
  await writeFile(join(folder, held), "");
  await (await new FileCache(folder, 10).hold([fileOf("a")]))?.release();
  return !(await readdir(folder)).includes(held);
}

test("removes the files that a dead process held", async () => {
  expect(await isRemoved("held-999999999-1-x")).toBe(true);
});

onLinux("so is what one held that had this process's pid before, as in a container", async () => {
  expect(await isRemoved(`held-${process.pid}-1-x`)).toBe(true);
});

test("keeps the files that another cache of this process holds", async () => {
  const held = await new FileCache(folder, 10).hold([fileOf("a")]);
  await (await new FileCache(folder, 10).hold([fileOf("b")]))?.release();
  expect(await readFile(held?.paths[0] ?? "", "utf8")).toBe("a         ");
  await held?.release();
});

test("nothing is left behind if a file is missing, or if the files exceed the limit", async () => {
  const cache = new FileCache(folder, 20);
  expect(await cache.hold([{ ...fileOf("a"), fetch: async () => false }])).toBeUndefined();
  await expect(cache.hold([fileOf("a"), fileOf("b"), fileOf("c")])).rejects.toMatchObject({
    code: "lake-unavailable",
    message: expect.stringMatching(/LAKE_CACHE_GIB allows only 0\.0\. Read fewer days/),
  });
  expect(await readdir(folder)).toEqual([]);
});
