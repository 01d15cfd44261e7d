import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { identifyProcess } from "@tripline/local-stack/processes/identify-process";
import { BenchContext } from "./bench-context.js";

const ROOT = resolve(fileURLToPath(new URL("../../..", import.meta.url)));

let results: string;
let logged: string[];

beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), "tripline-bench-context-"));
  logged = [];
});

afterEach(() => rm(results, { recursive: true }));

const open = () =>
  new BenchContext({ root: ROOT, results, rounds: undefined, flags: {}, log: (line) => void logged.push(line) });

test("deferred work runs exactly once in reverse order, even if some of it fails", async () => {
  const context = open();
  const done: number[] = [];
  context.defer(async () => void done.push(1));
  context.defer(() => Promise.reject(new Error("it broke")));
  context.defer(async () => void done.push(3));
  await context.close();
  await context.close();
  expect(done).toEqual([3, 1]);
  expect(logged).toEqual(["could not clean up: Error: it broke"]);
});

test("each part has its own Valkey, which stops when the part ends", async () => {
  const context = open();
  try {
    const first = await context.redis();
    expect(await context.redis()).toBe(first);
    await first.client.set("key", "value");
    const pid = Number(/^process_id:(\d+)/m.exec(await first.client.info("server"))?.[1]);
    expect(identifyProcess(pid)).toBeDefined();
    expect(context.versions.valkey).toMatch(/^\d+\.\d+\.\d+$/);
    expect(existsSync(context.folder)).toBe(true);
    await context.close();
    expect(existsSync(context.folder)).toBe(false);
    expect(identifyProcess(pid)).toBeUndefined();
    const second = await context.redis();
    expect(await second.client.dbsize()).toBe(0);
  } finally {
    await context.close();
  }
});

test("the user's number of rounds takes precedence over the part's default", () => {
  const options = { root: ROOT, results, flags: {}, log: () => {} };
  expect(new BenchContext({ ...options, rounds: 2 }).roundsOr(7)).toBe(2);
  expect(new BenchContext({ ...options, rounds: undefined }).roundsOr(7)).toBe(7);
});
