import { setTimeout as delay } from "node:timers/promises";
import { RestoreMeter } from "./restore-meter.js";
import { RestoreStatus } from "./restore-status.js";
import { RestoreWorker } from "./restore-worker.js";

/** A worker with scripted losses, and its log. */
function follow(run: () => Promise<string | undefined>) {
  const ending = new AbortController();
  const lines: string[] = [];
  const log = {
    info: (...words: unknown[]) => void lines.push(`info: ${words.at(-1)}`),
    warn: (...words: unknown[]) => void lines.push(`warn: ${words.at(-1)}`),
  };
  const state = { isLost: false, looks: 0 };
  const worker = new RestoreWorker({
    log,
    lookEveryMs: 1,
    retryMs: 1,
    isLost: async () => {
      state.looks += 1;
      return state.isLost;
    },
    run,
  });
  return { worker, lines, state, end: () => ending.abort(), ended: worker.follow(ending.signal) };
}

const until = async (isDone: () => boolean) => {
  while (!isDone()) await delay(1);
};

test("the worker restores states after a loss, repeats a failed attempt, and stops work that needs its memory", async () => {
  const failures = ["features does not pause.", undefined];
  const { worker, lines, state, end, ended } = follow(async () => {
    if (failures.length === 1) state.isLost = false;
    return failures.shift();
  });
  const snapshot = worker.whileComplete(new AbortController().signal, async (signal) => {
    await delay(60_000, undefined, { signal });
  });
  await until(() => state.looks > 5);
  expect(lines).toEqual([]);
  state.isLost = true;
  await expect(snapshot).rejects.toMatchObject({ cause: { code: "state-incomplete" } });
  await until(() => lines.length === 4);
  expect(lines).toEqual([
    "warn: Redis has lost the window states: restoring them from the lake",
    "warn: the window states could not be restored yet: features does not pause.",
    "warn: Redis has lost the window states: restoring them from the lake",
    "info: the window states are restored",
  ]);
  const looks = state.looks;
  await until(() => state.looks > looks + 1);
  expect(await worker.whileComplete(new AbortController().signal, async () => "taken")).toBe("taken");
  end();
  await ended;
});

test("the reported progress of a restore never decreases, and the remaining time is known after the first tenth", () => {
  let nowMs = 0;
  const meter = new RestoreMeter(() => nowMs);
  const measure = (...step: Parameters<RestoreMeter["measure"]>) => {
    nowMs += 10_000;
    return meter.measure(...step);
  };
  expect(measure("wait for the archive")).toEqual({ share: 0.02, leftSeconds: null });
  expect(measure("wait for the features service")).toEqual({ share: 0.02, leftSeconds: null });
  expect(measure("fold the slices", 1, 2)).toEqual({ share: 0.4, leftSeconds: 45 });
  expect(measure("fold the lake", 1, 100)).toMatchObject({ share: 0.4 });
  expect(measure("write the states", 500, 500)).toEqual({ share: 1, leftSeconds: 0 });
});

test("features reports the progress of a restore, a loss without a restore, and the end of the loss", async () => {
  const given = { isLost: false, progress: null as string | null, isMarked: false };
  const loss = {
    get isLost() {
      return given.isLost;
    },
  };
  const notes: (() => string | undefined)[] = [];
  const status = new RestoreStatus(
    { get: async () => given.progress } as never,
    loss,
    { isMarkedComplete: async () => given.isMarked },
    { addNote: (_name, read) => void notes.push(read) },
  );
  const noteAfter = async (change: Partial<typeof given>) => {
    Object.assign(given, change);
    await status.read();
    return status.note;
  };
  expect(await noteAfter({})).toBeUndefined();
  expect(await noteAfter({ isLost: true })).toMatch(/no restore is running/);
  const of = (share: number, leftSeconds: number | null) => ({ progress: JSON.stringify({ share, leftSeconds }) });
  expect(await noteAfter(of(0.05, null))).toBe("The window states are being restored: 5 %.");
  expect(await noteAfter(of(0.426, 130))).toBe("The window states are being restored: 42 %, about 3 min left.");
  expect(await noteAfter({ progress: '{"failure":"deadline-exceeded"}' })).toMatch(/could not be restored/);
  expect(await noteAfter({ progress: "of a newer version" })).toMatch(/no restore is running/);
  expect(await noteAfter({ progress: null, isMarked: true })).toBeUndefined();
});
