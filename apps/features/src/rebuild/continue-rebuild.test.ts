import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, chmod, cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { GIB } from "../snapshot/slices-for.js";
import { REBUILD_KEY } from "../states/rebuild-hold.js";
import { SMALL_MEMORY_BYTES, TestHistory } from "../testing/history.js";
import { randomEvents } from "../testing/random-events.js";
import { foldFolder } from "./fold-plan.js";
import type { RebuildOptions } from "./rebuild-state.js";

/** Low enough for many slices, so that the program is killed between two of them. */
const KILLED_MEMORY_BYTES = 20_000;
const PROGRAM = join(import.meta.dirname, "main.js");
const SLICED = { isFromScratch: true, memoryBytes: SMALL_MEMORY_BYTES };

let history: TestHistory;
let folder: string;
/** The files that the killed program left behind. */
let unfinished: string;
let undisturbed: Map<string, Buffer>;
let notes: string[];
let steps: string[];

beforeAll(async () => {
  history = await TestHistory.open();
  folder = foldFolder(history.lake);
  unfinished = join(history.lake, "_unfinished");
  await count("a", 120, 21);
  await history.archive();
  undisturbed = await history.states();
  await killProgram();
  await cp(folder, unfinished, { recursive: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await history.close();
});

/** The state of the disk and of Redis after the kill and the loss. */
beforeEach(async () => {
  notes = [];
  steps = [];
  await rm(join(history.lake, "_snapshots"), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  await cp(unfinished, folder, { recursive: true });
  await chmod(folder, 0o700);
  await history.redis.flushdb();
});

const watched: Partial<RebuildOptions> = {
  onNote: (sentence) => notes.push(sentence),
  onProgress: (step, done) => {
    if (step === "fold the lake" || step === "fold the slices") steps.push(`${step}: ${done}`);
  },
};

async function count(name: string, size: number, seed: number): Promise<void> {
  await history.producer.send(randomEvents(name, size, seed));
  await history.count();
}

/** Starts the program and kills it after some of its slices. */
async function killProgram(): Promise<void> {
  const { kafkaBrokers, topicPrefix, redisUrl } = history.stack;
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: topicPrefix,
      REDIS_URL: redisUrl,
      LAKE_URL: history.lake,
      FROM_SCRATCH: "1",
      STATE_WORKERS: "2",
      STATE_MEMORY_GIB: String(KILLED_MEMORY_BYTES / GIB),
    },
  });
  const ended = once(child, "exit");
  const finished = async () => (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".bin"));
  // Two of the five `.bin` files are the plan and the journal.
  while (child.exitCode === null && (await finished()).length < 5) await delay(1);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  // Deletes the key that pauses the services, which would expire only later.
  await history.redis.del(REBUILD_KEY);
}

test.each<[name: string, workers: number, spoil: () => Promise<void>, options: Partial<RebuildOptions>]>([
  ["other options", 1, async () => {}, { isFromScratch: false }],
  ["a damaged slice", 2, () => appendFile(join(folder, "first-0.bin"), "more"), {}],
  ["no plan", 4, () => rm(join(folder, "plan.bin")), {}],
  ["a folder that others can write to", 1, () => chmod(folder, 0o777), {}],
])("with %s, a rebuild starts over; %d workers restore the same states", async (_name, workers, spoil, options) => {
  await spoil();
  expect(await history.rebuild({ ...SLICED, ...watched, workers, ...options })).toMatchObject({ events: 120 });
  expect(await history.states()).toEqual(undisturbed);
  expect(steps).toContain("fold the lake: 120");
});

test("a rebuild resumes from the finished slices of a killed one, and adds events counted since then", async () => {
  // Services continue to count while no rebuild runs.
  await count("b", 40, 22);
  await history.archive();
  // The program also died while writing to its journal.
  await appendFile(join(folder, "journal.bin"), Buffer.from([200, 0, 0, 0, 1]));
  // Without its events, a slice cannot be folded again.
  await rm(join(folder, "first-0.events"), { force: true });

  const report = await history.rebuild({ ...SLICED, ...watched, workers: 2 });
  expect(notes).toEqual([expect.stringMatching(/^The rebuild that was interrupted at \S+ is being resumed\.$/)]);
  // No event is sorted again.
  expect(steps[0]).toMatch(/^fold the slices: [1-9]/);
  expect(report).toMatchObject({ events: 160, incomplete: 40, doubled: 0, published: expect.any(String) });
  expect(existsSync(folder)).toBe(false);

  const restored = await history.states();
  await history.redis.flushdb();
  expect(await history.rebuild({ isFromScratch: true })).toMatchObject({ events: 160, incomplete: 40 });
  expect(await history.states()).toEqual(restored);
});
