import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { ParquetMerger } from "./backfill-merge.js";
import { readThrift, writeThrift } from "./backfill-thrift.js";

let folder: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "merge-parquet-"));
  instance = await DuckDBInstance.create(":memory:");
  connection = await instance.connect();
});
afterAll(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true });
});
/** Texts, some of them null, and numbers with and without a dictionary: pages, bloom filters and statistics of all kinds. */
function rowsSql(from: number, to: number): string {
  return `SELECT 'id-' || i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE 't' || (i % 50) END AS terminal,
    (i % 3)::DOUBLE AS few, sin(i) AS many, i AS number FROM range(${from}, ${to}) rows (i)`;
}
async function write(name: string, from: number, to: number, options = ""): Promise<string> {
  const path = join(folder, name);
  await connection.run(`COPY (${rowsSql(from, to)}) TO '${path}' (FORMAT parquet, COMPRESSION zstd ${options})`);
  return path;
}
async function mergeParquet(paths: readonly string[], outputPath: string): Promise<void> {
  const merger = await ParquetMerger.create(outputPath);
  try {
    for (const path of paths) await merger.append(path);
    await merger.end();
  } finally {
    await merger.close();
  }
}
async function rowsOf(sql: string) {
  return (await connection.runAndReadAll(sql)).getRows();
}
function footerOf(file: Buffer): Buffer {
  const length = file.readUInt32LE(file.length - 8);
  return file.subarray(file.length - 8 - length, file.length - 8);
}
test.each([
  ["", "row groups of 122,880 rows"],
  [", ROW_GROUP_SIZE 2048", "many row groups"],
  [", PARQUET_VERSION v2", "pages of version 2"],
])("files become one with all their rows in order (%s: %s)", async (options) => {
  const parts = [
    await write("a.parquet", 0, 130_000, options),
    await write("b.parquet", 130_000, 130_001, options),
    await write("c.parquet", 130_001, 150_000, options),
  ];
  const merged = join(folder, "merged.parquet");
  await mergeParquet(parts, merged);
  expect(await rowsOf(`SELECT * FROM '${merged}'`)).toEqual(await rowsOf(rowsSql(0, 150_000)));
  const groups = await rowsOf(`
    SELECT row_group_id, any_value(row_group_num_rows) FROM parquet_metadata('${merged}') GROUP BY 1 ORDER BY 1`);
  expect(groups.reduce((sum, [, rows]) => sum + Number(rows), 0)).toBe(150_000);
  // Filters and statistics lead to the right pages: every row group but one is left out by them.
  expect(await rowsOf(`SELECT number FROM '${merged}' WHERE terminal = 't17' AND number > 149940`)).toEqual([
    [149967n],
  ]);
  expect(await rowsOf(`SELECT count(*) FROM '${merged}' WHERE few = 2 AND number BETWEEN 129999 AND 130005`)).toEqual([
    [2n],
  ]);
});
test("one file stays what it is", async () => {
  const path = await write("single.parquet", 0, 5000, ", ROW_GROUP_SIZE 2048");
  const merged = join(folder, "again.parquet");
  await mergeParquet([path], merged);
  expect(Buffer.compare(await readFile(path), await readFile(merged))).toBe(0);
});
test("a footer is written as it was read", async () => {
  const footer = footerOf(await readFile(await write("footer.parquet", 0, 5000)));
  expect(Buffer.compare(Buffer.from(writeThrift(readThrift(footer))), footer)).toBe(0);
  expect(() => readThrift(footer.subarray(0, footer.length - 1))).toThrow(RangeError);
  expect(() => readThrift(Buffer.concat([footer, Buffer.alloc(1)]))).toThrow(RangeError);
});
test.each([
  ["a field of type i8 and a negative number", [0x13, 0x05, 0x16, 0x03, 0x00]],
  ["a field with a number far from the one before", [0x05, 0xa0, 0x1f, 0x04, 0x00]],
  ["a list of booleans", [0x19, 0x32, 0x01, 0x02, 0x01, 0x00]],
  ["a list of more than fourteen", [0x19, 0xf5, 0x0f, ...Array.from({ length: 15 }, (_, index) => index), 0x00]],
  ["booleans of a struct", [0x11, 0x12, 0x00]],
])("%s is written as it was read", (_name, bytes) => {
  expect([...writeThrift(readThrift(Uint8Array.from(bytes)))]).toEqual(bytes);
});
test("what is no Parquet is refused", async () => {
  const path = join(folder, "none.parquet");
  await writeFile(path, "PAR1 and nothing of use, nor anything after it");
  await expect(mergeParquet([path], join(folder, "out.parquet"))).rejects.toThrow("none.parquet is no Parquet file");
  await expect(mergeParquet([], join(folder, "out.parquet"))).rejects.toThrow("there is no file to merge");
});
