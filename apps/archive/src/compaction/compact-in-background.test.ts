import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TOPICS } from "@tripline/contracts/topics";
import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { noteCompactionStart, readCompactionTimes } from "@tripline/lake/compact/compaction-run";
import { FolderDisk } from "@tripline/lake/log/folder-disk";
import { listFiles } from "@tripline/lake/log/list-files";
import { TestBench, until } from "../testing/bench.js";
import { DAY_MS, transactionOf, vectorOf, vectorRecord } from "../testing/records.js";
import type { Writing } from "../writing/topic-archive.js";
import { CompactionWorker } from "./compaction-worker.js";
import { runCompaction } from "./run-compaction.js";

const TOPIC = TOPICS.features.name;
const CALM = new AbortController().signal;
const disk = new FolderDisk();
const NOTHING: CompactionRun = {
  ended_at: "2026-03-01T12:00:00.000Z",
  took_ms: 1,
  days: 0,
  files: 0,
  merged: 0,
  rows: 0,
  days_left: 0,
  failure: null,
};

let bench: TestBench;
let next = 0;

beforeAll(async () => {
  bench = await TestBench.open();
});

afterAll(() => bench.close());

const dayOf = (daysAgo: number) => new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
const filesOf = async (...days: string[]) => (await listFiles(bench.lake, TOPIC, days)).files.length;

/** Flushes payments of today, three days ago and last year. */
async function fill(): Promise<void> {
  for (let flush = 0; flush < 4; flush += 1) {
    const numbers = Array.from({ length: 30 }, () => next++);
    await bench.send(
      numbers.map((number) => {
        const occurredAtMs = Date.now() - ([0, 3, 365][number % 3] ?? 0) * DAY_MS;
        return vectorRecord(vectorOf(number, { transaction: transactionOf(number, { occurredAtMs }) }));
      }),
    );
    await bench.untilArchived(TOPIC);
  }
}

test("a separate process merges the files of closed days, but not those of the current day or of old days", async () => {
  const { url } = await bench.start({ FLUSH_AGE_MS: "50" });
  await fill();
  const [before, today, old] = [await bench.rows(TOPIC), await filesOf(dayOf(0)), await filesOf(dayOf(365))];
  const files = await filesOf(dayOf(3));
  expect(Math.min(files, today, old)).toBeGreaterThan(3);
  const run = await runCompaction(disk, bench.lake, CALM);
  expect(run).toMatchObject({ days: 1, files, merged: 1, rows: next / 3, days_left: 0, failure: null });
  expect([await filesOf(dayOf(3)), await filesOf(dayOf(0)), await filesOf(dayOf(365))]).toEqual([1, today, old]);
  expect(await bench.rows(TOPIC)).toEqual(before);
  const jobs = (await (await fetch(`${url}/jobs`)).json()) as { writing: Writing[]; compaction: CompactionRun };
  expect(jobs.compaction).toEqual(run);
  expect(jobs.writing.find(({ topic }) => topic === TOPIC)).toMatchObject({ failure: null, written: { files: 3 } });
  const { startedAtMs = 0, endedAtMs = 0 } = await readCompactionTimes(disk, bench.lake);
  expect(startedAtMs).toBeLessThanOrEqual(endedAtMs);
});

test("reports a failure to the console if the process crashes, but not if it is stopped", async () => {
  const program = join(bench.lake, "dying.mjs");
  await writeFile(program, "process.kill(process.pid, 'SIGKILL');");
  const { failure } = await runCompaction(disk, bench.lake, CALM, program);
  expect(failure).toMatch(/^The process that compacts the lake ended by SIGKILL before it finished\./);
  await writeFile(program, "setTimeout(() => {}, 60_000);");
  await expect(runCompaction(disk, bench.lake, AbortSignal.timeout(200), program)).rejects.toThrow("timeout");
});

describe("the compaction schedule", () => {
  let runs: number;

  beforeEach(() => {
    runs = 0;
  });

  const worker = (intervalMinutes: number, run: () => Promise<CompactionRun>) =>
    new CompactionWorker({
      intervalMinutes,
      logger: { info: () => {}, warn: () => {} },
      times: () => readCompactionTimes(disk, bench.lake),
      run: () => {
        runs += 1;
        return run();
      },
    });

  test("waits until the last run of any instance is old enough, and continues after a failed run", async () => {
    await noteCompactionStart(disk, bench.lake);
    const waiting = worker(60, async () => NOTHING);
    waiting.start();
    const off = worker(0, async () => NOTHING);
    off.start();
    await delay(100);
    expect(runs).toBe(0);
    const due = worker(1e-6, () => Promise.reject(new Error("the lake is full")));
    due.start();
    await until("it runs", () => runs === 1);
    await Promise.all([due.stop(), waiting.stop(), off.stop()]);
    expect(runs).toBe(1);
  });
});
