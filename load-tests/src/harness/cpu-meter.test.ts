import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { testStack } from "@tripline/local-stack/testing/stack";
import { Redis } from "ioredis";
import { endedChildrenCpu, ownCpu, parseProcessStat, parseRedisCpuMs, processTreeCpu, redisCpu } from "./cpu-meter.js";

/** A figure is the difference between two counts of 10 ms ticks. */
const ERROR_MS = 40;
const WORK_MS = 200;

/** Works until one of its threads has used `WORK_MS` of CPU time, then prints a line and waits. */
const BURN = `
  const burn = () => { const start = process.cpuUsage(); let at; do { at = process.cpuUsage(start); } while (at.user + at.system < ${WORK_MS * 1_000}); };
`;
/** A thread does the work. The clock counts the whole process, so its main thread must be idle. */
const IN_THREAD = `
  const { Worker } = require("node:worker_threads");
  const worker = new Worker(${JSON.stringify(`${BURN} burn();`)}, { eval: true });
  worker.once("exit", () => process.stdout.write("done"));
  setInterval(() => {}, 1_000);
`;
/** A child does the work and exits before "done" is printed. */
const IN_CHILD = `
  const { spawnSync } = require("node:child_process");
  spawnSync(process.execPath, ["-e", ${JSON.stringify(`${BURN} burn();`)}]);
  process.stdout.write("done");
  setInterval(() => {}, 1_000);
`;
/** A child does the work and keeps running. */
const IN_LIVING_CHILD = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", ${JSON.stringify(`${BURN} burn(); process.stdout.write("done"); process.stdin.resume();`)}], { stdio: ["pipe", "pipe", "ignore"] });
  child.stdout.once("data", () => process.stdout.write("done"));
  setInterval(() => {}, 1_000);
`;

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("measures the CPU time that the process reports", async () => {
  const meter = ownCpu();
  const [before, start] = [await meter.readMs(), process.cpuUsage()];
  let used = 0;
  while (used < 50_000) {
    const { user, system } = process.cpuUsage(start);
    used = user + system;
  }
  expect((await meter.readMs()) - before).toBeGreaterThanOrEqual(used / 1_000);
});

test.each([
  ["threads", IN_THREAD],
  ["finished children", IN_CHILD],
  ["running children", IN_LIVING_CHILD],
])("a process's time includes its %s", async (_what, script) => {
  child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null || child.pid === undefined) throw new Error("the child has no output");
  await once(child.stdout, "data");
  expect(await processTreeCpu("peer", child.pid).readMs()).toBeGreaterThan(WORK_MS - ERROR_MS);
});

test("counts the total CPU time of a finished command", async () => {
  const meter = endedChildrenCpu("command");
  const before = await meter.readMs();
  child = spawn(process.execPath, ["-e", `${BURN} burn();`]);
  await once(child, "exit");
  expect((await meter.readMs()) - before).toBeGreaterThan(WORK_MS - ERROR_MS);
});

test("the error names a process that has exited", async () => {
  child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  await expect(processTreeCpu("feast", child.pid ?? 0).readMs()).rejects.toThrow(
    /feast\) exited while it was being measured/,
  );
});

test("parses a line of /proc with any characters in the process name", () => {
  const line = "4242 (a) b (c) S 17 4242 4242 0 -1 4194560 1 2 3 4 100 20 30 4 20 0 11 0 5 6 7";
  expect(parseProcessStat(line)).toEqual({ pid: 4242, parentPid: 17, ownTicks: 120, endedChildrenTicks: 34 });
});

test.each(["", "4242 (cut) S 17 4242", "no numbers at all"])("rejects %j", (line) => {
  expect(() => parseProcessStat(line)).toThrow(/There are no process times/);
});

test("Redis reports user and system time in seconds", () => {
  const info = "# CPU\r\nused_cpu_sys:1.250000\r\nused_cpu_user:2.500000\r\nused_cpu_sys_children:9\r\n";
  expect(parseRedisCpuMs(info)).toBe(3_750);
  expect(() => parseRedisCpuMs("# CPU\r\nused_cpu_sys:1.25\r\n")).toThrow(/INFO cpu/);
});

test("a server's time grows with its work", async () => {
  const { redisUrl } = await testStack();
  const redis = new Redis(redisUrl);
  try {
    const meter = redisCpu(redis);
    const before = await meter.readMs();
    await redis.eval("for i = 1, 3000000 do local x = i * i end return 1", 0);
    expect(await meter.readMs()).toBeGreaterThan(before);
  } finally {
    redis.disconnect();
  }
});
