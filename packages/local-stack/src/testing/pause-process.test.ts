import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { pauseProcess } from "./pause-process.js";

const SILENCE_MS = 200;
const ROUNDS_MAX = 20;

/** A main thread and three others, each of which writes output every millisecond. */
const PROGRAM = `
  const { Worker } = require("node:worker_threads");
  const worker = "setInterval(() => require('node:worker_threads').parentPort.postMessage(0), 1)";
  for (let i = 0; i < 3; i += 1)
    new Worker(worker, { eval: true }).on("message", () => process.stdout.write("tick\\n"));`;

test("a paused process prints nothing until it is resumed", async () => {
  const child = spawn(process.execPath, ["-e", PROGRAM], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const lines = createInterface({ input: child.stdout });
    await once(lines, "line");
    await pauseProcess(child.pid ?? 0);
    let ticks = 0;
    lines.on("line", () => {
      ticks += 1;
    });
    // Earlier output is read first, which may take a while; a running thread is never silent for that long.
    let rounds = 0;
    do {
      ticks = 0;
      await delay(SILENCE_MS);
      rounds += 1;
    } while (ticks > 0 && rounds < ROUNDS_MAX);
    expect(ticks).toBe(0);
    child.kill("SIGCONT");
    await once(lines, "line");
  } finally {
    child.kill("SIGKILL");
  }
});

test("rejects a process that does not exist", async () => {
  await expect(pauseProcess(2 ** 22 + 1)).rejects.toMatchObject({ code: "ESRCH" });
});
