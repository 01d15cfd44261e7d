import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TextWriter, TOPIC } from "../testing/writer.js";
import { holdFiles } from "./hold-files.js";
import type { ReadRowsOptions } from "./read-rows.js";
import { filesTable, readRows } from "./read-rows.js";

let lake: string;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
});

afterEach(() => rm(lake, { recursive: true, force: true }));

/** Adds the result of a SELECT as one Parquet file of a day. */
async function addParquet(select: string, day: string, to: Readonly<Record<number, number>>): Promise<void> {
  const writer = new TextWriter(lake);
  await writer.log.refresh();
  const change = await writer.stage(to, [day]);
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  for (const { staged } of change.files) {
    await connection.run(`COPY (${select}) TO '${writer.log.stagedPath(staged)}' (FORMAT parquet)`);
  }
  connection.closeSync();
  instance.closeSync();
  expect(await writer.log.append(change)).toBe(true);
}

async function allRows(options: Omit<ReadRowsOptions, "lake" | "topic"> = {}) {
  const rows = [];
  for await (const chunk of readRows({ lake, topic: TOPIC, ...options })) rows.push(...chunk);
  return rows;
}

const range = (partition: number, from: number, to: number, more = "") =>
  `SELECT ${partition} AS kafka_partition, range AS kafka_offset${more} FROM range(${from}, ${to}) ORDER BY random()`;

test("returns rows in the order of partition and offset across files, in bounded chunks", async () => {
  await addParquet(range(1, 0, 5_000), "2024-02-29", { 1: 5_000 });
  await addParquet(range(0, 0, 7_000), "2024-02-28", { 0: 7_000 });
  await addParquet(range(1, 5_000, 9_000), "2024-02-28", { 1: 9_000 });
  let last = -1;
  let count = 0;
  for await (const chunk of readRows({ lake, topic: TOPIC, memoryLimit: "64MB" })) {
    expect(chunk.length).toBeLessThanOrEqual(2_048);
    for (const { kafka_partition, kafka_offset } of chunk) {
      const place = Number(kafka_partition) * 1e6 + Number(kafka_offset);
      expect(place).toBeGreaterThan(last);
      last = place;
      count += 1;
    }
  }
  expect(count).toBe(16_000);
  expect(await allRows({ days: ["2024-02-29"] })).toHaveLength(5_000);
  expect(await allRows({ days: ["2024-03-01"] })).toEqual([]);
});

test("returns plain JavaScript values: exact numbers, lists, structs, times", async () => {
  const more = `, 9007199254740991 AS big, [1::BIGINT, 2] AS longs, [0.1::DOUBLE, '-0.0'::DOUBLE] AS doubles, NULL::DOUBLE AS score,
    [{code: 'A', text: 'π', outcome: 'REVIEW'}] AS reasons, TIMESTAMPTZ '2024-02-29 00:00:00.123+00' AS event_time`;
  await addParquet(range(0, 0, 1, more), "2024-02-29", { 0: 1 });
  const [row] = await allRows();
  expect(row).toEqual({
    kafka_partition: 0,
    kafka_offset: 0,
    big: Number.MAX_SAFE_INTEGER,
    longs: [1, 2],
    doubles: [0.1, -0],
    score: null,
    reasons: [{ code: "A", text: "π", outcome: "REVIEW" }],
    event_time: new Date("2024-02-29T00:00:00.123Z"),
  });
  expect(await allRows({ columns: ["big", "score"] })).toEqual([{ big: Number.MAX_SAFE_INTEGER, score: null }]);
});

test("a later column is null in older rows", async () => {
  await addParquet(range(0, 0, 1), "2024-02-29", { 0: 1 });
  await addParquet(range(0, 1, 2, ", 'new' AS device_token"), "2024-02-29", { 0: 2 });
  expect((await allRows()).map(({ device_token }) => device_token)).toEqual([null, "new"]);
});

test.each([
  ["an unknown column", { columns: ["nonsense"] }, "invalid-field", "no column nonsense; it has kafka_partition"],
  ["a number that cannot be represented exactly", { columns: ["big"] }, "invalid-field", "9007199254740993"],
])("reports %s", async (_name, options, code, words) => {
  await addParquet(range(0, 0, 1, ", 9007199254740993 AS big"), "2024-02-29", { 0: 1 });
  await expect(allRows(options)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
});

test("reports a file that is not Parquet with its path", async () => {
  await new TextWriter(lake).add({ 0: 1 }, ["2024-02-29"]);
  await expect(allRows()).rejects.toMatchObject({
    code: "lake-unavailable",
    message: expect.stringMatching(/^The archive of features cannot be read: .*0000000000000001\.parquet/),
  });
});

test("held files can be read after a compaction has removed them", async () => {
  await addParquet(range(0, 0, 2_000), "2024-02-29", { 0: 2_000 });
  const held = await holdFiles(lake, TOPIC);
  await rm(join(lake, TOPIC), { recursive: true });
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const counted = await connection.runAndReadAll(`SELECT count(*)::INT FROM ${filesTable(held.paths)}`);
  expect(counted.getRows()).toEqual([[2_000]]);
  connection.closeSync();
  instance.closeSync();
  await held.release();
});

test("a reader that stops early leaves nothing open", async () => {
  await addParquet(range(0, 0, 50_000), "2024-02-29", { 0: 50_000 });
  for await (const chunk of readRows({ lake, topic: TOPIC })) {
    expect(chunk[0]).toEqual({ kafka_partition: 0, kafka_offset: 0 });
    break;
  }
});
