import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { dayOf } from "@tripline/lake/lake-layout";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { TestArchive } from "@tripline/lake/testing/archive";
import { daysOf, tablesOf } from "./read-topic.js";

const NOON_MS = Date.UTC(2026, 1, 10, 12);
const DAY_MS = 86_400_000;
const DAYS = [0, 1, 2].map((index) => dayOf(NOON_MS + index * DAY_MS) ?? "");

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

async function archive(firstOffset: number): Promise<void> {
  const records = DAYS.map((_, index) => ({
    partition: 0,
    offset: firstOffset + index,
    value: Label.encode({
      labelId: `lbl_${index}`,
      tenant: "demo",
      clientTransactionId: String(index),
      cardToken: "ct_1",
      terminalId: "t-1",
      occurredAtMs: NOON_MS,
      labelledAtMs: NOON_MS + index * DAY_MS,
      fraud: false,
      source: "chargeback",
      reportId: "",
      policyVersion: "",
    }).finish(),
  }));
  await new TestArchive(lake, { cluster: "test", topicPrefix: "" }).append(TOPICS.labels.name, records);
}

async function read(): Promise<{ tables: string[]; rows: number[] }> {
  const days = await daysOf({ lake }, TOPICS.labels, { fromMs: NOON_MS, toMs: NOON_MS + 2 * DAY_MS });
  expect(days.days).toEqual(DAYS);
  const tables: string[] = [];
  const rows: number[] = [];
  for await (const table of tablesOf(scan, { lake }, TOPICS.labels, days)) {
    tables.push(table);
    rows.push(Number((await scan.row(`SELECT count(*) AS rows FROM ${table}`)).rows));
  }
  return { tables, rows };
}

test("reads a few small days together", async () => {
  await archive(0);
  expect((await read()).rows).toEqual([3]);
});

test("releases the files of a large day before it reads the next one", async () => {
  // By these offsets, each day has more than a million records.
  await archive(10_000_000);
  const { tables, rows } = await read();
  expect(rows).toEqual([1, 1, 1]);
  for (const table of tables) {
    await expect(scan.row(`SELECT count(*) AS rows FROM ${table}`)).rejects.toMatchObject({ code: "lake-unavailable" });
  }
});
