import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { TestArchive } from "@tripline/lake/testing/archive";
import { daysOf, tablesOf } from "./read-topic.js";

const NOON_MS = Date.UTC(2026, 1, 10, 12);
const DAY_MS = 86_400_000;
let lake: string;
let scan: LakeScan;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-read-"));
  scan = await LakeScan.open();
});

afterEach(async () => {
  await scan.close();
  await rm(lake, { recursive: true, force: true });
});

/** @param sizes number of records of each day */
async function archive(sizes: readonly number[]): Promise<void> {
  const days = sizes.flatMap((size, day) => Array<number>(size).fill(day));
  const records = days.map((day, offset) => ({
    partition: 0,
    offset,
    value: Label.encode({
      ...Label.decode(Buffer.of()),
      labelId: `lbl_${offset}`,
      tenant: "demo",
      occurredAtMs: NOON_MS,
      labelledAtMs: NOON_MS + day * DAY_MS,
    }).finish(),
  }));
  await new TestArchive(lake, { cluster: "test", topicPrefix: "" }).append(TOPICS.labels.name, records);
}

async function read(recordsTogether?: number): Promise<{ tables: string[]; rows: number[] }> {
  const options = { lake, ...(recordsTogether === undefined ? {} : { recordsTogether }) };
  const days = await daysOf(options, TOPICS.labels, { fromMs: NOON_MS });
  const tables: string[] = [];
  const rows: number[] = [];
  for await (const table of tablesOf(scan, options, TOPICS.labels, days)) {
    tables.push(table);
    rows.push(Number((await scan.row(`SELECT count(*) AS rows FROM ${table}`)).rows));
  }
  return { tables, rows };
}

test("reads a few small days together", async () => {
  await archive([1, 1, 1]);
  expect((await read()).rows).toEqual([3]);
});

test("reads large days separately, even if other days are small", async () => {
  await archive([1, 1, 5, 6, 1, 1, 3, 1]);
  expect((await read(5)).rows).toEqual([2, 5, 6, 5, 1]);
});

test("releases the files of a large day before it reads the next one", async () => {
  await archive([2, 2, 2]);
  const { tables, rows } = await read(2);
  expect(rows).toEqual([2, 2, 2]);
  for (const table of tables) {
    await expect(scan.row(`SELECT count(*) AS rows FROM ${table}`)).rejects.toMatchObject({ code: "lake-unavailable" });
  }
});
