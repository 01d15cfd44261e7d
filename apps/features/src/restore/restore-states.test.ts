import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { foldFolder } from "../rebuild/fold-plan.js";
import type { RebuildStep } from "../rebuild/rebuild-state.js";
import { REBUILD_KEY } from "../states/rebuild-hold.js";
import { TestHistory } from "../testing/history.js";
import { COMPLETE_KEY } from "../testing/instance.js";
import { randomEvents } from "../testing/random-events.js";
import { ProgressPublisher } from "./progress-publisher.js";
import { RESTORE_KEY } from "./restore-progress.js";

const WORKER = join(import.meta.dirname, "..", "snapshot", "worker", "main.js");
const WAIT_MS_MAX = 120_000;

let history: TestHistory;
let undisturbed: Map<string, Buffer>;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  history = await TestHistory.open();
  await history.producer.send(randomEvents("a", 150, 31));
  await history.count();
  await history.archive();
  undisturbed = await history.states();
});
afterAll(async () => {
  await stopWorkers();
  await rm(foldFolder(history.lake), { recursive: true, force: true });
  await history.close();
});

/** Starts the program of the container `snapshots`. It takes no snapshots here. */
function startWorker(): ChildProcess {
  const { kafkaBrokers, topicPrefix, redisUrl } = history.stack;
  const worker = spawn(process.execPath, [WORKER], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: topicPrefix,
      REDIS_URL: redisUrl,
      LAKE_URL: history.lake,
      SNAPSHOT_INTERVAL_HOURS: "0",
      LOG_LEVEL: "silent",
    },
  });
  workers.push(worker);
  return worker;
}

async function stopWorkers(): Promise<void> {
  const running = workers.splice(0);
  for (const worker of running) worker.kill("SIGTERM");
  await Promise.all(running.map(async (worker) => worker.exitCode ?? (await once(worker, "exit"))));
}

async function until<T>(find: () => Promise<T | undefined> | T | undefined, what: string): Promise<T> {
  const endMs = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await delay(5);
  }
}

const exists = async (key: string) => ((await history.redis.exists(key)) === 1 ? true : undefined);

/** The processes that a worker has started. */
function childrenOf({ pid = 0 }: ChildProcess): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

test("two workers restore lost states automatically and byte for byte, even after one restore was killed", async () => {
  const [first] = [startWorker(), startWorker()];
  // As long as no states are lost, the workers do nothing.
  await delay(2_500);
  expect(childrenOf(first)).toEqual([]);

  await history.redis.flushdb();
  expect(
    JSON.parse((await until(() => history.redis.get(RESTORE_KEY).then((text) => text ?? undefined), "progress")) ?? ""),
  ).toEqual({
    share: expect.any(Number),
    leftSeconds: null,
  });
  await until(() => exists(COMPLETE_KEY), "the first restore");
  expect(await history.states()).toEqual(undisturbed);
  await until(async () => ((await exists(RESTORE_KEY)) ? undefined : true), "no progress is left");

  await history.redis.flushdb();
  await until(() => exists(REBUILD_KEY), "a restore that pauses features");
  const running = workers.flatMap(childrenOf);
  for (const pid of running) process.kill(pid, "SIGKILL");
  expect(running.length).toBeGreaterThan(0);
  expect(await exists(COMPLETE_KEY)).toBeUndefined();
  // Without this, the key would expire after 30 s.
  await history.redis.del(REBUILD_KEY);
  await until(() => exists(COMPLETE_KEY), "the restore after the kill");
  expect(await history.states()).toEqual(undisturbed);
  // Their last attempts would write progress during the following tests.
  await stopWorkers();
  await until(async () => ((await exists(RESTORE_KEY)) ? undefined : true), "no progress is left");
});

test("an automatic restore does not pause features while the archive is behind", async () => {
  await history.producer.send(randomEvents("b", 1, 32));
  let isPaused = false;
  const looking = setInterval(async () => {
    isPaused ||= (await exists(REBUILD_KEY)) === true;
  }, 20);
  await expect(history.rebuild({ isAutomatic: true, waitMs: 1_000 })).rejects.toMatchObject({
    code: "deadline-exceeded",
  });
  clearInterval(looking);
  expect(isPaused).toBe(false);
  // It does not report its own progress either while another restore runs.
  await history.redis.set(REBUILD_KEY, "another one");
  const steps: string[] = [];
  const second = history.rebuild({ isAutomatic: true, onProgress: (step) => void steps.push(step) });
  await expect(second).rejects.toMatchObject({ message: expect.stringContaining("Another run of this command") });
  await history.redis.del(REBUILD_KEY);
  expect(steps).toEqual([]);
  await history.count();
  await history.archive();
});

test("an automatic restore does nothing if another one has already restored the states", async () => {
  const mark = await history.redis.get(COMPLETE_KEY);
  expect(mark).not.toBeNull();
  await expect(history.rebuild({ isAutomatic: true })).rejects.toMatchObject({
    message: expect.stringContaining("another run restored them"),
  });
  expect(await history.redis.get(COMPLETE_KEY)).toBe(mark);
});

test("the progress of a waiting step is refreshed until the restore ends", async () => {
  const publisher = new ProgressPublisher(history.redis, 20);
  await publisher.during(true, async () => {
    publisher.publish("wait for the archive");
    await until(() => exists(RESTORE_KEY), "progress");
    await history.redis.del(RESTORE_KEY);
    await until(() => exists(RESTORE_KEY), "renewed progress");
  });
  await delay(60);
  expect(await exists(RESTORE_KEY)).toBeUndefined();
});

test("regression #29: a restore that finds another one does not report a failure", async () => {
  const restore = async (beforeHold: () => Promise<unknown>) => {
    const publisher = new ProgressPublisher(history.redis);
    const onProgress = (step: RebuildStep) => {
      publisher.publish(step);
      // The commands of one connection are executed in this order.
      void beforeHold();
    };
    await expect(publisher.during(true, () => history.rebuild({ isAutomatic: true, onProgress }))).rejects.toThrow(
      "nother run",
    );
  };
  await restore(() => history.redis.set(REBUILD_KEY, "another one"));
  expect(await history.redis.get(RESTORE_KEY)).not.toContain("failure");
  await history.redis.del(REBUILD_KEY);
  await restore(async () => {});
  expect(await exists(RESTORE_KEY)).toBeUndefined();
});

test("if Redis loses the states again while they are written, they are not marked as complete", async () => {
  await history.redis.flushdb();
  const flush = () => {
    const [url, source] = [history.stack.redisUrl, "new Redis(process.argv[1]).flushdb().then(() => process.exit(0))"];
    const ioredis = import.meta.resolve("ioredis");
    const script = `const { Redis } = await import(${JSON.stringify(ioredis)}); ${source}`;
    // Nothing else may run in the meantime.
    execFileSync(process.execPath, ["--input-type=module", "--eval", script, url]);
  };
  let isFlushed = false;
  const rebuilding = history.rebuild({
    onProgress(step) {
      if (step !== "write the states" || isFlushed) return;
      isFlushed = true;
      flush();
    },
  });
  await expect(rebuilding).rejects.toMatchObject({ code: "state-conflict", message: expect.stringContaining("lost") });
  expect(isFlushed).toBe(true);
  expect(await exists(COMPLETE_KEY)).toBeUndefined();
});
