import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TestArchive } from "../testing/archive.js";
import { byCountedName, cutLake, FROM_BEGINNING, rangeOf, startAfter } from "./counted-range.js";
import { readPlaced, totalCounted } from "./read-counted.js";

const NOTHING = new Uint8Array();
const AT_MS = Date.UTC(2024, 1, 29, 12);
const NONE = byCountedName(() => new Map<number, number>());

let lake: string;
let archive: TestArchive;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
  archive = new TestArchive(lake, { cluster: "c", topicPrefix: "p." });
});
afterEach(() => rm(lake, { recursive: true, force: true }));

/** Archives vectors named by partition and offset, some of them marked as counted while states were lost. */
async function append(...records: readonly (readonly [partition: number, offset: number, incomplete?: boolean])[]) {
  const values = records.map(([partition, offset, incomplete = false]) => {
    const transaction = {
      ...Transaction.decode(NOTHING),
      transactionId: `${partition}@${offset}`,
      occurredAtMs: AT_MS,
    };
    const computedAtMs = AT_MS + offset;
    const vector = { ...FeatureVector.decode(NOTHING), transaction, sequences: [offset + 1], incomplete, computedAtMs };
    return { partition, offset, value: FeatureVector.encode(vector).finish() };
  });
  await archive.append("features", values);
}

async function namesIn(range: ReturnType<typeof rangeOf>): Promise<string[]> {
  const names = [];
  if (range === undefined) throw new Error("no range");
  for await (const chunk of readPlaced({ lake, range })) names.push(...chunk);
  return names.map(({ partition, offset }) => `${partition}@${offset}`).sort();
}

test("a range begins where the states end, and ends at its cut-off", async () => {
  await append([0, 0], [0, 1], [1, 0]);
  await append([0, 2, true], [0, 3]);
  const first = await cutLake(lake);
  await append([0, 4], [1, 1]);
  const second = await cutLake(lake);
  await append([1, 2]);
  const all = rangeOf(FROM_BEGINNING, second);
  expect(await namesIn(all)).toEqual(["0@0", "0@1", "0@2", "0@3", "0@4", "1@0", "1@1"]);
  expect(await totalCounted(lake, all)).toEqual({ events: 7, missing: 0 });

  const after = await startAfter(lake, first, NONE);
  expect(after.features.since).toBe(2);
  expect(await namesIn(rangeOf(after, second))).toEqual(["0@4", "1@1"]);

  // Records that some states lack are read again, except those counted while states were lost.
  const again = await startAfter(lake, first, { ...NONE, features: new Map([[0, 1]]) });
  expect(again.features.since).toBe(0);
  expect(await namesIn(rangeOf(again, second))).toEqual(["0@1", "0@3", "0@4", "1@1"]);
  expect(await totalCounted(lake, rangeOf(again, second))).toEqual({ events: 4, missing: 0 });
});

test("missing records are counted only within the range, and there is no range for another lake", async () => {
  await append([0, 0], [0, 2]);
  const first = await startAfter(lake, await cutLake(lake), NONE);
  await append([0, 3], [0, 5]);
  const cut = await cutLake(lake);
  expect(await totalCounted(lake, rangeOf(FROM_BEGINNING, cut))).toMatchObject({ missing: 2 });
  expect(await totalCounted(lake, rangeOf(first, cut))).toMatchObject({ missing: 1 });
  expect(rangeOf({ ...first, features: { ...first.features, source: "other/p.features" } }, cut)).toBeUndefined();
  expect(rangeOf({ ...first, features: { ...first.features, counted: new Map([[0, 7]]) } }, cut)).toBeUndefined();
});
