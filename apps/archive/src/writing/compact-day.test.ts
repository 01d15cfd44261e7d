import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TOPICS } from "@tripline/contracts/topics";
import { FolderDisk } from "@tripline/lake/log/folder-disk";
import { listFiles } from "@tripline/lake/log/list-files";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { CompactionNote } from "../compaction-note.js";
import type { SnapshotReport } from "../snapshot-watch.js";
import { TestBench, until } from "../testing/bench.js";
import { DAY_MS, NOON_MS, transactionOf, vectorOf, vectorRecord } from "../testing/records.js";
import { compactDay } from "./compact-day.js";
import type { Writing } from "./topic-archive.js";

const TOPIC = TOPICS.features.name;
const DAY = "2024-02-29";
const ENTRY = fileURLToPath(new URL("../compact.js", import.meta.url));
const run = promisify(execFile);

let bench: TestBench;
let service: Pick<RunningService, "url">;

interface Jobs {
  readonly writing: readonly Writing[];
  readonly compaction: CompactionNote | null;
  readonly snapshots: SnapshotReport;
}

const jobs = async (): Promise<Jobs> => (await (await fetch(`${service.url}/jobs`)).json()) as Jobs;

beforeAll(async () => {
  bench = await TestBench.open();
  service = await bench.start({ FLUSH_AGE_MS: "50" });
});

afterAll(() => bench.close());

let next = 0;

/** Several flushes of payments of two days. */
async function fill(): Promise<void> {
  for (let flush = 0; flush < 3; flush += 1) {
    const numbers = Array.from({ length: 40 }, () => next++);
    await bench.send(
      numbers.map((number) => {
        const occurredAtMs = NOON_MS + (number % 2) * DAY_MS;
        return vectorRecord(vectorOf(number, { transaction: transactionOf(number, { occurredAtMs }) }));
      }),
    );
    await bench.untilArchived(TOPIC);
  }
}

const namesOf = (day: string) => readdir(join(bench.lake, TOPIC, `day=${day}`));

/** Dies at one of its operations. */
class DyingDisk extends FolderDisk {
  operations = 0;

  constructor(private readonly dieAt = Number.POSITIVE_INFINITY) {
    super();
  }

  override makeFolder = (path: string) => this.#step(() => super.makeFolder(path));
  override writeFile = (path: string, text: string) => this.#step(() => super.writeFile(path, text));
  override sync = (path: string) => this.#step(() => super.sync(path));
  override linkNew = (from: string, to: string) => this.#step(() => super.linkNew(from, to));
  override move = (from: string, to: string) => this.#step(() => super.move(from, to));
  override remove = (path: string) => this.#step(() => super.remove(path));

  async #step<T>(work: () => Promise<T>): Promise<T> {
    this.operations += 1;
    if (this.operations < this.dieAt) return work();
    if (this.operations === this.dieAt) await work();
    throw new Error("dead");
  }
}

test("merges a day's files into one with the same rows in order; a late event creates another file", async () => {
  await fill();
  const before = await bench.rows(TOPIC);
  const files = (await namesOf(DAY)).length;
  expect(files).toBeGreaterThan(2);
  expect(await compactDay(bench.lake, TOPIC, DAY)).toEqual({ files, rows: next / 2 });
  expect(await namesOf(DAY)).toHaveLength(1);
  expect(await bench.rows(TOPIC)).toEqual(before);
  expect(await compactDay(bench.lake, TOPIC, DAY)).toEqual({ files: 1, rows: 0 });
  await fill();
  expect((await namesOf(DAY)).length).toBeGreaterThan(1);
  expect(await bench.rows(TOPIC)).toHaveLength(next);
});

test("a compaction killed at any step leaves each row once, and the next run continues", async () => {
  const disk = new DyingDisk();
  await fill();
  await compactDay(bench.lake, TOPIC, DAY, disk);
  for (let dieAt = 1; dieAt <= disk.operations; dieAt += 3) {
    await fill();
    const before = await bench.rows(TOPIC);
    expect(before).toHaveLength(next);
    await compactDay(bench.lake, TOPIC, DAY, new DyingDisk(dieAt)).catch(() => {});
    expect(await bench.rows(TOPIC)).toEqual(before);
    await compactDay(bench.lake, TOPIC, DAY);
    expect(await bench.rows(TOPIC)).toEqual(before);
  }
  await compactDay(bench.lake, TOPIC, DAY);
  expect(await namesOf(DAY)).toHaveLength(1);
}, 180_000);

test("the command prints its result in one line", async () => {
  await fill();
  const files = (await namesOf("2024-03-01")).length;
  const { stdout } = await run(process.execPath, [ENTRY, bench.lake, TOPIC, "2024-03-01"]);
  expect(stdout).toBe(`compact: files=${files} rows=${next / 2}\n`);
  const again = await run(process.execPath, [ENTRY, bench.lake, TOPIC, "2024-03-01"]);
  expect(again.stdout).toBe("compact: files=1 nothing to do\n");
  const told = await jobs();
  expect(told.compaction).toMatchObject({ topic: TOPIC, day: "2024-03-01", files: 1, rows: 0, failure: null });
  expect(told.snapshots).toEqual({ newest_at: null, interval_hours: 6, run: null });
  expect(told.writing.find(({ topic }) => topic === TOPIC)).toEqual({
    topic: TOPIC,
    failure: null,
    written: { ended_at: expect.any(String), took_ms: expect.any(Number), rows: expect.any(Number), files: 2 },
  });
  expect((await listFiles(bench.lake, TOPIC)).positions.size).toBeGreaterThan(0);
});

test("the archive reports a failed compaction in one sentence", async () => {
  await fill();
  await expect(run(process.execPath, [ENTRY, bench.lake, TOPIC, "yesterday"])).rejects.toMatchObject({ code: 1 });
  // What the archive read of it is kept for some seconds.
  await until("the failure is told", async () => {
    const { compaction } = await jobs();
    return compaction?.failure === '"yesterday" is not a day. Give days as YYYY-MM-DD.';
  });
});

test.each([
  ["a topic that does not exist", ["other", DAY], 1, "There is no archive of other"],
  ["an invalid day", [TOPIC, "yesterday"], 1, '"yesterday" is not a day. Give days as YYYY-MM-DD.'],
  ["a missing argument", [TOPIC], 64, "Give a lake's folder or URL, a topic and a day"],
])("the command rejects %s in one sentence", async (_name, rest, code, words) => {
  const attempt = run(process.execPath, [ENTRY, bench.lake, ...rest]);
  await expect(attempt).rejects.toMatchObject({ code, stderr: expect.stringContaining(words) });
});
