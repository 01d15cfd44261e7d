import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOPICS } from "@tripline/contracts/topics";
import { compactLake } from "@tripline/lake/compact/compact-lake";
import { MERGE_LIMITS } from "@tripline/lake/compact/plan-merge";
import { listFiles } from "@tripline/lake/log/list-files";
import { openDisk } from "@tripline/lake/log/open-disk";
import { startPythonStores } from "@tripline/object-store/testing/store-servers";
import { readinessOf, TestBench, until, untilReady } from "../testing/bench.js";
import { ChildArchive } from "../testing/child.js";
import { labelOf, labelRecord, vectorOf, vectorRecord } from "../testing/records.js";

const { features, labels } = TOPICS;
const START_MS_MAX = 300_000;
const DAY = "2024-02-29";
const FLUSHES = { FLUSH_AGE_MS: "50", FLUSH_ROWS_MAX: "100" };

let stores: Awaited<ReturnType<typeof startPythonStores>>;
let cache: string;
let benches: TestBench[];

beforeAll(async () => {
  stores = await startPythonStores();
  cache = await mkdtemp(join(tmpdir(), "tripline-cache-test-"));
  Object.assign(process.env, stores.s3.writer.environment, { LAKE_CACHE_DIRECTORY: cache });
}, START_MS_MAX);

afterAll(async () => {
  await stores.stop();
  await rm(cache, { recursive: true, force: true });
});

beforeEach(() => {
  benches = [];
});

afterEach(() => Promise.all(benches.map((bench) => bench.close())));

async function openBench(url: string): Promise<TestBench> {
  const bench = await TestBench.open(undefined, url);
  benches.push(bench);
  return bench;
}

async function expectEachOnce(bench: TestBench, topic: string): Promise<void> {
  await bench.untilArchived(topic);
  const places = (await bench.rows(topic)).map((row) => `${row.kafka_partition}@${row.kafka_offset}`);
  const ends = [...(await bench.admin.endOffsets(topic))];
  const expected = ends.flatMap(([partition, end]) => Array.from({ length: end }, (_, at) => `${partition}@${at}`));
  expect(places.sort()).toEqual(expected.sort());
}

test("archives to S3, compacts a day there, and reads it through the cache", async () => {
  const bench = await openBench("s3://tripline/merged");
  await bench.start(FLUSHES);
  for (let flush = 0; flush < 3; flush += 1) {
    await bench.send(Array.from({ length: 40 }, (_, at) => vectorRecord(vectorOf(flush * 40 + at))));
    await bench.untilArchived(features.name);
  }
  await expectEachOnce(bench, features.name);
  const before = await bench.rows(features.name);
  const { files } = await listFiles(bench.lake, features.name, [DAY]);
  expect(files.length).toBeGreaterThan(2);
  const result = await compactLake({
    disk: await openDisk(bench.lake),
    lake: bench.lake,
    limits: { ...MERGE_LIMITS, filesMin: 2 },
    isWanted: (day) => day === DAY,
  });
  expect(result).toEqual({ days: 1, files: files.length, merged: 1, rows: 120, daysLeft: 0, failure: null });
  expect((await listFiles(bench.lake, features.name)).files).toHaveLength(1);
  expect(await bench.rows(features.name)).toEqual(before);
  // No file is in use any more; the copies stay for the next reader.
  expect((await readdir(cache)).filter((name) => name.startsWith("held-"))).toEqual([]);
});

test("survives SIGKILL after each commit under load without losing or duplicating rows in the bucket", async () => {
  const bench = await openBench("s3://tripline/killed");
  let next = 0;
  const produce = () => bench.send(Array.from({ length: 50 }, () => labelRecord(labelOf(next++))));
  const lakeAt = async () => {
    const { positions } = await listFiles(bench.lake, labels.name, []).catch(() => ({ positions: new Map() }));
    return [...positions.values()].reduce((sum, position) => sum + position, 0);
  };
  for (let kill = 0; kill < 2; kill += 1) {
    const before = await lakeAt();
    const child = ChildArchive.start({ ...bench.environment(FLUSHES), ...stores.s3.writer.environment });
    await until("more is in the lake", async () => {
      await produce();
      return (await lakeAt()) > before;
    });
    child.signal("SIGKILL");
    expect(await child.ended).toBe("SIGKILL");
  }
  await bench.start(FLUSHES);
  await expectEachOnce(bench, labels.name);
}, 240_000);

test("is not ready if the bucket is missing, and says how to fix it", async () => {
  const bench = await openBench("s3://nowhere/lake");
  await bench.send([labelRecord(labelOf(1))]);
  const service = await bench.start();
  await until("a sentence", async () => /Create the bucket/.test((await readinessOf(service)).checks.lake ?? ""));
  expect((await readinessOf(service)).status).toBe(503);
  const other = await openBench("s3://tripline/other");
  await untilReady(await other.start());
});
