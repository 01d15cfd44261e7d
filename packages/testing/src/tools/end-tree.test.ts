import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { endTree } from "../../../../tools/start/end-tree.mjs";

const SLEEP = "setInterval(() => {}, 1000)";
/** Starts a child in its own process group that ignores SIGTERM, and prints the child's pid. */
const PARENT = `
const { spawn } = require("node:child_process");
const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); console.log(); ${SLEEP}"], {
  detached: true,
  stdio: ["ignore", "pipe", "ignore"],
});
child.stdout.once("data", () => console.log(child.pid));
${SLEEP}`;

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("regression #25: stops a program and the processes in its own group", async () => {
  const program = spawn(process.execPath, ["-e", PARENT], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(program, "exit");
  const [said] = await once(program.stdout, "data");
  const child = Number(String(said));
  expect(lives(child)).toBe(true);
  await endTree(Number(program.pid));
  await exited;
  // The pid exists until the process that adopted the child reaps it.
  while (lives(child)) await delay(20);
});
