import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FolderDisk } from "@tripline/lake/log/folder-disk";
import type { SnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { readSnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { runSnapshot } from "./run-snapshot.js";
import { SnapshotWorker } from "./snapshot-worker.js";

const TICK_HOURS = 20 / 3_600_000;
const taken: SnapshotRun = { ended_at: new Date().toISOString(), took_ms: 1, states: 2, events: 3, failure: null };
const disk = new FolderDisk();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-worker-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A worker with scripted runs, and its log. */
function follow(intervalHours: number, run: (signal: AbortSignal) => Promise<SnapshotRun>) {
  const ending = new AbortController();
  const lines: string[] = [];
  const log = {
    info: (...words: unknown[]) => void lines.push(`info: ${words.at(-1)}`),
    warn: (...words: unknown[]) => void lines.push(`warn: ${words.at(-1)}`),
  };
  let newestAtMs: number | undefined;
  const worker = new SnapshotWorker({
    intervalHours,
    log,
    newestAtMs: async () => newestAtMs,
    async run(signal) {
      const result = await run(signal);
      if (result.failure === null) newestAtMs = Date.now();
      return result;
    },
  });
  const ended = worker.follow(ending.signal);
  return { lines, end: () => ending.abort(), ended };
}

async function until(isDone: () => boolean): Promise<void> {
  const endMs = Date.now() + 120_000;
  while (!isDone()) {
    if (Date.now() > endMs) throw new Error("it did not happen within 120 s");
    await delay(5);
  }
}

test("the worker takes snapshots one after another, logs each, and continues after a failure", async () => {
  const results = [taken, { ...taken, failure: "Redis has lost the window states." }, taken];
  let running = 0;
  let count = 0;
  const { lines, end, ended } = follow(TICK_HOURS, async () => {
    running += 1;
    expect(running).toBe(1);
    await delay(10);
    running -= 1;
    const result = results[count];
    count += 1;
    if (result === undefined) end();
    return result ?? taken;
  });
  await until(() => count > results.length);
  await ended;
  expect(lines.slice(0, 3)).toEqual([
    "info: snapshot taken",
    "warn: no snapshot taken: Redis has lost the window states.",
    "info: snapshot taken",
  ]);
});

test("with an interval of 0, the worker takes no snapshots, and it stops on request", async () => {
  const { lines, end, ended } = follow(0, async () => taken);
  await delay(50);
  end();
  await ended;
  expect(lines).toEqual(["info: snapshots are disabled"]);
});

/** Runs a test program instead of the real one. */
async function runProgram(source: string, signal = new AbortController().signal): Promise<SnapshotRun> {
  const program = join(folder, "program.mjs");
  await writeFile(program, source);
  return runSnapshot({ disk, lake: folder, memoryGib: 0.2, environment: process.env, program }, signal);
}

test("a process that dies leaves an error report in the lake and nothing on disk", async () => {
  const source = `import { writeFileSync } from "node:fs";
    writeFileSync(${JSON.stringify(join(folder, "scratch"))}, process.env.TMPDIR);
    process.kill(process.pid, "SIGKILL");`;
  const run = await runProgram(source);
  expect(run.failure).toMatch(/^The process ended by SIGKILL before it finished\./);
  expect(await readSnapshotRun(disk, folder)).toEqual(run);
  expect(existsSync(await readFile(join(folder, "scratch"), "utf8"))).toBe(false);
});

test("the memory limit is passed to the process", async () => {
  // Otherwise, V8's message on standard error would be taken for Jest's own.
  const source = `import { closeSync, openSync } from "node:fs";
    closeSync(2);
    openSync("/dev/null", "w");
    const all = [];
    for (;;) all.push(new Array(1_000_000).fill(all.length));`;
  const run = await runProgram(source);
  expect(run.failure).toMatch(/^The process ended (by SIGABRT|with code 134) before it finished\..*STATE_MEMORY_GIB/);
});

test("stopping the worker stops its process", async () => {
  const ending = new AbortController();
  const source = `import { writeFileSync } from "node:fs";
    writeFileSync(${JSON.stringify(join(folder, "pid"))}, String(process.pid));
    setInterval(() => {}, 1_000);`;
  const running = runProgram(source, ending.signal);
  const rejected = expect(running).rejects.toThrow();
  await until(() => existsSync(join(folder, "pid")));
  ending.abort();
  await rejected;
  const pid = Number(await readFile(join(folder, "pid"), "utf8"));
  expect(() => process.kill(pid, 0)).toThrow();
});
